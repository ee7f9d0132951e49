// The shapes of requests: what class-validator knows of a class, as JSON Schema. A rule is said once, where it is checked.
import { getMetadataStorage, ValidationTypes } from 'class-validator';
import { component, listOf, orNull, type Keywords, type Schema } from './schema.js';

type Class<T extends object = object> = new () => T;
type Rule = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

const DESCRIPTION = Symbol('description');
const NESTED = Symbol('nested');

/** Says in the document what a field, or the body as a whole, means; `more` is what is checked elsewhere. */
export function Describe(description: string, more: Keywords = {}): ClassDecorator & PropertyDecorator {
  const said = { ...more, ...(description === '' ? {} : { description }) };
  return (target: object, property?: string | symbol): void => {
    if (property === undefined) Reflect.defineMetadata(DESCRIPTION, said, target);
    else Reflect.defineMetadata(DESCRIPTION, said, target, property);
  };
}

/** Tells the document of which class an object, or each element of a list, is. */
export const Nested =
  (type: () => Class): PropertyDecorator =>
  (target, property) =>
    Reflect.defineMetadata(NESTED, type, target, property);

/** A constraint of our own says what it means for the document. */
interface OwnConstraint {
  schema?: Keywords;
}

const patternOf = (pattern: unknown): string => (pattern instanceof RegExp ? pattern.source : String(pattern));

/** What each of class-validator's rules means, by its name; `first` and `second` are its arguments. */
const RULES: Record<string, (first: unknown, second: unknown) => Keywords> = {
  isString: () => ({ type: 'string' }),
  isBoolean: () => ({ type: 'boolean' }),
  isInt: () => ({ type: 'integer' }),
  isObject: () => ({ type: 'object' }),
  isArray: () => ({ type: 'array' }),
  min: (minimum) => ({ minimum }),
  max: (maximum) => ({ maximum }),
  isLength: (least, most) => ({ ...(least === 0 ? {} : { minLength: least }), maxLength: most }),
  minLength: (minLength) => ({ minLength }),
  maxLength: (maxLength) => ({ maxLength }),
  matches: (pattern) => ({ type: 'string', pattern: patternOf(pattern) }),
  isIn: (values) => ({ type: 'string', enum: values }),
  isUuid: () => ({ type: 'string', format: 'uuid' }),
  isIp: () => ({ type: 'string' }),
  arrayMaxSize: (maxItems) => ({ maxItems }),
};

/** A field as it is when it is neither absent nor null, and whether it may be so. */
interface Field {
  schema: Schema;
  mayBeAbsent: boolean;
  mayBeNull: boolean;
}

/** The fields of a class, in the order of their declaration. Throws for a rule that is not known here. */
function fieldsOf(type: Class): Record<string, Field> {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', true, false);
  const names = [...new Set(rules.map(({ propertyName }) => propertyName))];
  return Object.fromEntries(
    names.map((name) => [
      name,
      fieldOf(
        type,
        name,
        rules.filter(({ propertyName }) => propertyName === name),
      ),
    ]),
  );
}

function fieldOf(type: Class, name: string, rules: Rule[]): Field {
  const prototype = type.prototype as object;
  const nested = Reflect.getMetadata(NESTED, prototype, name) as (() => Class) | undefined;
  // Decorators run from the last to the first.
  const said = rules
    .toReversed()
    .filter((rule) => !isCondition(rule) && rule.type !== ValidationTypes.NESTED_VALIDATION);
  const all = (those: Rule[]): Schema => Object.assign({}, ...those.map((rule) => meaningOf(rule, type)));
  const own = all(said.filter(({ each }) => !each));
  const inner = nested === undefined ? undefined : bodyOf(nested());
  const schema =
    own.type === 'array' ? { ...own, ...listOf(inner ?? all(said.filter(({ each }) => each))) } : (inner ?? own);
  return {
    schema: { ...schema, ...(Reflect.getMetadata(DESCRIPTION, prototype, name) as Keywords | undefined) },
    mayBeAbsent: isNotChecked(rules, name, undefined),
    mayBeNull: isNotChecked(rules, name, null),
  };
}

function meaningOf({ name, constraints, constraintCls, propertyName }: Rule, type: Class): Keywords {
  const meaning =
    name === undefined ? (constraintCls as OwnConstraint).schema : RULES[name]?.(constraints?.[0], constraints?.[1]);
  if (meaning === undefined)
    throw new Error(
      `${type.name}.${propertyName}: the document does not know what ${name ?? constraintCls.name} means.`,
    );
  return meaning;
}

const isCondition = ({ type }: Rule): boolean => type === ValidationTypes.CONDITIONAL_VALIDATION;

/** Whether a condition (`ValidateIf`, `IsOptional`) leaves this value of the field alone. */
const isNotChecked = (rules: Rule[], name: string, value: null | undefined): boolean =>
  rules.filter(isCondition).some(({ constraints }) => {
    const [condition] = constraints as [(body: object, value: unknown) => boolean];
    return !condition({ [name]: value }, value);
  });

/** The schema of a body of this class: what may be absent or null may be so, and nothing unknown is taken. */
function describeBody(type: Class): Schema {
  const fields = Object.entries(fieldsOf(type));
  const required = fields.filter(([, { mayBeAbsent }]) => !mayBeAbsent).map(([name]) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map(([name, { schema, mayBeNull }]) => [name, mayBeNull ? orNull(schema) : schema]),
    ),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
    ...(Reflect.getMetadata(DESCRIPTION, type) as Keywords | undefined),
  };
}

const bodies = new Map<Class, Schema>();

/** A body of this class, by the class's name in the document. */
export function bodyOf<T extends object>(type: Class<T>): Schema<T> {
  const made = bodies.get(type) ?? component(type.name, describeBody(type));
  bodies.set(type, made);
  return made as Schema<T>;
}

/** The parameters of a query of this class, with the class's own values as defaults. Null cannot be sent. */
export function queryOf(type: Class): Record<string, Schema> {
  const defaults = new type() as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(fieldsOf(type)).map(([name, { schema }]) => [
      name,
      defaults[name] === undefined ? schema : { ...schema, default: defaults[name] },
    ]),
  );
}

/** The fields of a class for an answer that has them too: without null, which the answer may mean in another way. */
export function propertiesOf<T extends object>(type: Class<T>): { [K in keyof T]-?: Schema<NonNullable<T[K]>> } {
  return Object.fromEntries(Object.entries(fieldsOf(type)).map(([name, { schema }]) => [name, schema])) as {
    [K in keyof T]-?: Schema<NonNullable<T[K]>>;
  };
}
