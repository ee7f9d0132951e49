// The answers of the API, under the names that the page uses. Generated from docs/openapi.json by `npm run openapi`: what the API
// does not say, the compiler does not know.
import type { components } from './schema.js';

type Schemas = components['schemas'];

export type Session = Schemas['Session'];
export type Role = Session['role'];
export type Customer = Schemas['Customer'];
export type Quotas = Customer['quotas'];
export type Credential = Schemas['Credential'];
export type NewCredential = Schemas['NewCredential'];
export type Project = Schemas['Project'];
export type EntryPoint = Schemas['EntryPoint'];
export type TransferSettings = Schemas['TransferSettings'];
export type Reason = Schemas['Reason'];
export type Blame = Reason['blame'];
export type InputFigures = Required<Schemas['InputFigures']>;
export type TransferFigures = Required<Schemas['TransferFigures']>;
export type Stream = Omit<Schemas['Stream'], 'figures' | 'transfers'> & { figures: InputFigures | null; transfers: Partial<Record<TransferState, number>> };
export type StreamState = Schemas['Stream']['state'];
export type CallbackState = Schemas['Stream']['callback']['state'];
export type TransferOptions = Pick<Schemas['TransferOptions'], 'muted' | 'paused' | 'tlsVerify' | 'height' | 'fps' | 'bitrate'>;
export type Transfer = Omit<Schemas['Transfer'], 'figures' | 'options'> & { figures: TransferFigures | null; options: TransferOptions };
export type TransferState = Schemas['Transfer']['state'];
export type Delivery = Schemas['Delivery'];
export type Timings = Delivery['timings'];
export type Probe = Schemas['Probe'];
export type CallbackTest = Schemas['TestResult'];
export type CallbackSecret = Schemas['CallbackSecret'];
export type PublishToken = Schemas['PublishToken'];
export type NodeStatus = Schemas['Node'];
export type QueueCounts = Schemas['Queue'];
export type HistoryPoint = Schemas['HistoryPoint'];

/** `data` depends on the type of the event; these are the parts that the page reads. */
export type StreamEvent = Omit<Schemas['Event'], 'data'> & {
  data: { state?: string; reason?: string | null; reasonText?: string; detail?: string | null; url?: string; urls?: number; bad?: unknown };
};

/** Everything that lists answers this, with the rows under a name of their own. */
export interface Paged {
  nextCursor: string | null;
}
