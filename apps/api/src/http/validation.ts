import {
  createParamDecorator,
  Injectable,
  ValidationPipe,
  type ExecutionContext,
  type PipeTransform,
  type ValidationError,
} from '@nestjs/common';
import { Type } from 'class-transformer';
import type { Request } from 'express';
import { IsArray, IsObject, ValidateIf, ValidateNested } from 'class-validator';
import { ENTRY_POINT_NAME, STREAM_NAME } from '#libs/transfer';
import { badRequest, type FieldError } from './problem.js';

/** Whole bodies and queries against their DTO classes: unknown fields are refused, every bad field is named. */
export const validationPipe = (): ValidationPipe =>
  new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    exceptionFactory: (errors) => badRequest(errors.flatMap((error) => fieldErrors(error, ''))),
  });

/** A field of a body that may be absent; null is not absent, as it is for IsOptional. */
export const MayBeAbsent = (): PropertyDecorator => ValidateIf((_body, value) => value !== undefined);

/** A field that may be absent (keep) or null (clear). */
export const MayBeAbsentOrNull = (): PropertyDecorator => ValidateIf((_body, value) => value != null);

type Class = new () => object;
const all =
  (...decorators: PropertyDecorator[]): PropertyDecorator =>
  (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };

/** An object of that class. `ValidateNested` alone takes a list for one, and looks into each of its elements instead. */
export const IsNested = (type: () => Class): PropertyDecorator => all(IsObject(), ValidateNested(), Type(type));

/** A list of such objects; an element that is itself a list is none. */
export const IsListOf = (type: () => Class): PropertyDecorator =>
  all(IsArray(), IsObject({ each: true }), ValidateNested({ each: true }), Type(type));

function fieldErrors(error: ValidationError, parent: string): FieldError[] {
  const field = parent === '' ? error.property : `${parent}.${error.property}`;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    field,
    message:
      rule === 'whitelistValidation'
        ? 'is not a known field'
        : message.replace(new RegExp(`^${escape(error.property)} `), ''),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => fieldErrors(child, field))];
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What an appid or a name may look like at all. What does not exist is 404; what could never exist is 400, as Agora documents. */
const POSSIBLE = /^[A-Za-z0-9_.-]{1,128}$/;

/** A path parameter that names something: `@Param('appid', PathName)`. */
@Injectable()
export class PathName implements PipeTransform<string, string> {
  transform(value: string, { data }: { data?: string }): string {
    if (!POSSIBLE.test(value)) throw badRequest([{ field: data ?? 'path', message: 'is not valid' }]);
    return value;
  }
}

/** The name of a stream to be published, as a path parameter. */
@Injectable()
export class StreamName implements PipeTransform<string, string> {
  transform(value: string): string {
    if (!STREAM_NAME.test(value)) throw badRequest([{ field: 'streamName', message: STREAM_NAME_RULE }]);
    return value;
  }
}

export const STREAM_NAME_RULE =
  'must begin with a letter or digit and have up to 64 letters, digits, dots, underscores and hyphens';

/** A name for a new entry point; 400 that names `field` for what cannot be one. */
export function newEntryPointName(name: string | undefined, field: string): string {
  if (name === undefined || !ENTRY_POINT_NAME.test(name)) {
    throw badRequest([{ field, message: 'must be 1 to 64 letters, digits, underscores and hyphens' }]);
  }
  return name;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** An id of ours as a path parameter. */
@Injectable()
export class PathId implements PipeTransform<string, string> {
  transform(value: string, { data }: { data?: string }): string {
    if (!UUID.test(value)) throw badRequest([{ field: data ?? 'id', message: 'must be a UUID' }]);
    return value.toLowerCase();
  }
}

type PathPipe = new () => { transform(value: string, metadata: { data?: string }): string };

/** A handler's parameter that has several parameters of the path, each checked by its pipe: `pathParams({ appid: PathName })`. */
export const pathParams = (pipes: Record<string, PathPipe>): (() => ParameterDecorator) =>
  createParamDecorator((_data: unknown, context: ExecutionContext) => {
    const { params } = context.switchToHttp().getRequest<Request>();
    return Object.fromEntries(
      Object.entries(pipes).map(([name, Pipe]) => [name, new Pipe().transform(String(params[name]), { data: name })]),
    );
  });
