export { type BatchPacket, packetsOf } from './batch.js';
export { type IceListener, MediaTransport, type PacketListener } from './media-transport.js';
export type { IceFigures, LocalSocket } from './native.js';
