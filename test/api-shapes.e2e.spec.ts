// The classes that a request is checked against are those that the document shows of its operation.
import { METHOD_METADATA, PATH_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RequestMethod } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bodyOf, queryOf } from '../apps/api/src/openapi/request.js';
import { startApp, type TestApp } from './support/app.js';
import { operationOf } from './support/contract.js';

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(async () => {
  await api?.stop();
});

type Class = new () => object;
interface Taken {
  route: string;
  /** `body` or `query`. */
  from: 'body' | 'query';
  type: Class;
}

/** In Nest's metadata a parameter's key is its kind and its index. */
const KINDS: Record<string, Taken['from']> = { 3: 'body', 4: 'query' };

/** Every body and query that a controller takes as a class of its own. */
function taken(): Taken[] {
  const controllers = [...api.app.get(ModulesContainer).values()].flatMap((module) =>
    [...module.controllers.values()].map(({ metatype }) => metatype as Class),
  );
  return controllers.flatMap((controller) => {
    const prototype = controller.prototype as Record<string, object>;
    const handlers = Object.getOwnPropertyNames(prototype).filter(
      (name) => name !== 'constructor' && Reflect.hasMetadata(METHOD_METADATA, prototype[name] as object),
    );
    return handlers.flatMap((name) => {
      const handler = prototype[name] as object;
      const types = Reflect.getMetadata('design:paramtypes', prototype, name) as Class[];
      const keys = Object.keys((Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {}) as object);
      const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number] as string;
      const parts = [Reflect.getMetadata(PATH_METADATA, controller), Reflect.getMetadata(PATH_METADATA, handler)];
      const path = `/${parts
        .map((part) => String(part ?? '').replace(/^\/|\/$/g, ''))
        .filter(Boolean)
        .join('/')}`;
      return keys.flatMap((key): Taken[] => {
        const [kind = '', index = ''] = key.split(':');
        const from = KINDS[kind];
        const type = types[Number(index)];
        if (from === undefined || type === undefined || [Object, String].includes(type as never)) return [];
        return [{ route: `${method} ${path}`, from, type }];
      });
    });
  });
}

it('the document shows of each operation what its controller takes', () => {
  const all = taken();
  expect(all.filter(({ from }) => from === 'body').length).toBeGreaterThan(12);
  expect(all.filter(({ from }) => from === 'query').length).toBeGreaterThan(8);
  for (const { route, from, type } of all) {
    const [method = '', path = ''] = route.split(' ');
    const operation = operationOf(method, path.replace(/:\w+/g, 'x'));
    expect(operation?.[from], route).toEqual(from === 'body' ? bodyOf(type) : queryOf(type));
  }
});
