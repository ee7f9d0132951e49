import type { AmfValue } from './amf0.js';

/** An `onStatus` or the information of a refusal (RTMP specification, 7.2.2). */
export interface Status {
  level: string;
  code: string;
  description: string;
}

/** The information object is the last value; servers differ in what stands before it. */
export function toStatus(values: AmfValue[]): Status {
  const found = values.findLast((value): value is Record<string, AmfValue> => typeof value === 'object' && value !== null && !Array.isArray(value));
  const text = (value: AmfValue): string => (typeof value === 'string' ? value : '');
  return { level: text(found?.level), code: text(found?.code), description: text(found?.description) };
}
