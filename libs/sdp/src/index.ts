export { formatFragment, type LocalTransport, writeAnswer } from './answer.js';
export { type Offer, readOffer, type Track } from './offer.js';
export { type IceFragment, readFragment, SdpError } from './text.js';
export type { DtlsRole, Fingerprint, IceHalf, RemoteTransport } from './transport.js';
