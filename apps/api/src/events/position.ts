/**
 * Where a reader of the event feed is: it has everything up to `last` but for `missing`. Ids come from a sequence and do not become
 * visible in their order, so a number alone would lose what a slower transaction writes.
 */
export interface Position {
  last: bigint;
  /** Ids below `last`, ascending, whose transactions may yet commit. */
  missing: readonly bigint[];
}

/** What a Last-Event-ID may name; more are in flight only at moments that are over in seconds. */
const MAX_MISSING = 100;

/** `<last>`, or `<last>-<missing>.<missing>...`: the id of a message, and the Last-Event-ID that it comes back as. */
export const POSITION = new RegExp(`^\\d{1,18}(-\\d{1,18}(\\.\\d{1,18}){0,${MAX_MISSING - 1}})?$`);

/** Undefined for what is none: a reader with a Last-Event-ID of somebody else begins now. */
export function parsePosition(text: string | undefined): Position | undefined {
  if (text === undefined || !POSITION.test(text)) return undefined;
  const [last = '', missing] = text.split('-');
  return { last: BigInt(last), missing: missing === undefined ? [] : missing.split('.').map(BigInt) };
}

/** With the newest of the missing: the older one is, the less likely it still comes. */
export const formatPosition = ({ last, missing }: Position): string =>
  `${last}${missing.length === 0 ? '' : `-${missing.slice(-MAX_MISSING).join('.')}`}`;

/** Whether a reader there has this event. */
export const covers = ({ last, missing }: Position, id: bigint): boolean => id <= last && !missing.includes(id);

/** Whether `now` has everything that a reader at `position` has: from then on, where the one is there the other is. */
export const isBehind = (position: Position, now: Position): boolean =>
  position.last <= now.last && now.missing.every((id) => !covers(position, id));

/** Of a reader that has what one or the other has: two processes need not have seen the same. */
export function join(a: Position, b: Position): Position {
  const open = new Set([...a.missing, ...b.missing].filter((id) => !covers(a, id) && !covers(b, id)));
  return {
    last: a.last > b.last ? a.last : b.last,
    missing: [...open].toSorted((one, other) => (one < other ? -1 : 1)),
  };
}

/** The same position on the way there, at an id up to `last`. */
export const upTo = (position: Position, id: bigint): Position => ({
  last: id,
  missing: position.missing.filter((each) => each < id),
});
