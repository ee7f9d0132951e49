import { AsyncLocalStorage } from 'node:async_hooks';

/** What a log line is about, so that all lines of one request, stream or transfer can be found. */
export interface LogFields {
  requestId?: string;
  streamId?: string;
  transferId?: string;
}

const storage = new AsyncLocalStorage<LogFields>();

/** Whatever `work` logs, now or later, bears these ids beside those that it would bear anyway. */
export function withLogFields<T>(fields: LogFields, work: () => T): T {
  return storage.run({ ...storage.getStore(), ...fields }, work);
}

/** Adds ids that have only become known to the lines that follow; nothing outside `withLogFields`. */
export function addLogFields(fields: LogFields): void {
  Object.assign(storage.getStore() ?? {}, fields);
}

/** The ids of what is under way; the object that `addLogFields` adds to. */
export const logFields = (): LogFields => storage.getStore() ?? {};
