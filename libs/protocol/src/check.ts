import type { PipelineEvents } from './pipeline.js';

// A pipeline reads what strangers send. Should one of them take it over, what it says may be anything: it is looked at before it is believed.

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isTextOrNull: Check = (value) => value === null || isText(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const has =
  (checks: Record<string, Check>): Check =>
  (value) =>
    isFields(value) && Object.entries(checks).every(([name, check]) => check(value[name]));
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const isClaim: Check = (value) =>
  value === null ||
  (has({ streamId: isText, epoch: isCount })(value) && UUID.test((value as { streamId: string }).streamId));
const isTransfer = has({
  id: isText,
  state: isText,
  reason: isTextOrNull,
  detail: isTextOrNull,
  attempts: isCount,
  nextRetryAt: isTextOrNull,
  liveAt: isTextOrNull,
  figures: optional(isFields),
});
const isFinal: Check = (value) => value === null || has({ input: isFields, transfers: isFields })(value);

const EVENTS: { [E in keyof PipelineEvents]: Check } = {
  hello: has({ pid: isCount, claim: isClaim, sessionId: isTextOrNull, input: isText, transfers: isListOf(isTransfer) }),
  input: has({ sessionId: isText, state: isText, reason: isTextOrNull }),
  sessionOver: has({ sessionId: isText, reason: isText }),
  problem: has({ reason: isTextOrNull }),
  transfer: isTransfer,
  figures: has({ input: isFields, transfers: isFields }),
  ended: has({ reason: isText, detail: optional(isTextOrNull), final: isFinal }),
  log: has({ level: (value) => ['debug', 'info', 'warn', 'error'].includes(value as string), message: isText }),
};

/** Whether this is an event as a pipeline sends it. */
export function isPipelineEvent(message: unknown): boolean {
  if (!isFields(message) || !isText(message.event)) return false;
  return Object.hasOwn(EVENTS, message.event as string) && EVENTS[message.event as keyof PipelineEvents](message.body);
}
