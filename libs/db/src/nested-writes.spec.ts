import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const WRITES = new Set([
  'create',
  'createMany',
  'connect',
  'connectOrCreate',
  'disconnect',
  'upsert',
  'update',
  'updateMany',
  'delete',
  'deleteMany',
]);

/** Names under which the models of schema.prisma refer to each other. */
function relations(): Set<string> {
  const schema = readFileSync(join(ROOT, 'prisma/schema.prisma'), 'utf8');
  const models = new Set([...schema.matchAll(/^model (\w+)/gm)].map(([, name]) => name));
  return new Set(
    [...schema.matchAll(/^\s+(\w+)\s+(\w+)(?:\[\]|\?)?(?:\s|$)/gm)]
      .filter(([, , type]) => models.has(type))
      .map(([, field]) => field as string),
  );
}

/** Places like `credentials: { create: … }`: several statements in one operation, of which Prisma may send the later ones outside of the transaction. */
function nestedWrites(file: string, text: string, fields: Set<string>): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isPropertyAssignment(node) &&
      fields.has(node.name.getText(source)) &&
      ts.isObjectLiteralExpression(node.initializer)
    ) {
      const isWrite = node.initializer.properties.some(
        ({ name }) => name !== undefined && WRITES.has(name.getText(source)),
      );
      if (isWrite) found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

it('no operation writes into two tables', () => {
  const fields = relations();
  expect(fields).toContain('entryPoints');
  expect(
    nestedWrites('x.ts', 'tx.project.create({ data: { id, entryPoints: { create: { name } } } })', fields),
  ).toEqual(['x.ts:1']);
  const files = ['apps/api/src', 'apps/worker/src', 'libs'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const ours = files.filter((name) => /(?<!\.spec|\.d)\.ts$/.test(name) && !/generated|node_modules/.test(name));
  expect(ours.length).toBeGreaterThan(150);
  expect(ours.flatMap((name) => nestedWrites(name, readFileSync(join(ROOT, name), 'utf8'), fields))).toEqual([]);
});
