export { type BatchPacket, packetsOf } from './batch.js';
export { MediaTransport, ownFingerprint, type PacketListener, type TransportEnd } from './media-transport.js';
export type { IceFigures, LocalSocket } from './native.js';
