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
export type InputFigures = Schemas['InputFigures'];
export type TransferFigures = Schemas['TransferFigures'];
export type Stream = Schemas['Stream'];
export type StreamState = Stream['state'];
export type CallbackState = Stream['callback']['state'];
export type Transfer = Schemas['Transfer'];
export type TransferState = Transfer['state'];
export type TransferChange = Schemas['UpdateTransfer'];
export type Delivery = Schemas['Delivery'];
export type Timings = Delivery['timings'];
export type Probe = Schemas['Probe'];
export type CallbackTest = Schemas['TestResult'];
export type CallbackSecret = Schemas['CallbackSecret'];
export type StreamAuth = Schemas['StreamAuth'];
export type NewRestKey = Schemas['NewRestKey'];
export type PublishToken = Schemas['PublishToken'];
export type NodeStatus = Schemas['Node'];
export type QueueCounts = Schemas['Queue'];
export type HistoryPoint = Schemas['HistoryPoint'];
export type StreamEvent = Schemas['Event'];

/** The schemas of request bodies. */
export type Body<Name extends keyof Schemas> = Schemas[Name];
