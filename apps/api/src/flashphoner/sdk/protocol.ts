// The Web SDK's protocol: `{"message": <name>, "data": [<argument>, ...]}` in both directions.

export type Fields = Record<string, unknown>;

export interface ClientMessage {
  message: string;
  /** The first argument; clients send no other. */
  data: Fields;
}

/** As STREAM_STATUS of the SDK has them. */
export type StreamStatus = 'PENDING' | 'PUBLISHING' | 'UNPUBLISHED' | 'FAILED';

/** What the SDK's own pages compare or show; other reasons are sentences. */
const INFO: Record<string, string> = {
  ice_timeout: 'Failed by ICE timeout',
  dtls_failed: 'Failed by DTLS error',
  publisher_lost: 'Failed by ICE keep alive',
  publisher_left: 'Stopped by user',
  kicked: 'Stopped by rest /terminate',
};

/** Null for what is not of this protocol. */
export function readMessage(text: string): ClientMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { message, data } = (value ?? {}) as { message?: unknown; data?: unknown };
  if (typeof message !== 'string') return null;
  const [first] = Array.isArray(data) ? (data as unknown[]) : [];
  return { message, data: isFields(first) ? first : {} };
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

export const toMessage = (message: string, ...data: unknown[]): string => JSON.stringify({ message, data });

/** How a stream's end is told: what somebody wanted is no failure. */
export function endOf(reason: string | null, text: string): { status: 'UNPUBLISHED' | 'FAILED'; info: string } {
  const wanted = reason === 'publisher_left' || reason === 'kicked';
  return { status: wanted ? 'UNPUBLISHED' : 'FAILED', info: (reason === null ? undefined : INFO[reason]) ?? text };
}
