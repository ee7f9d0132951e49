export { RtpReceiver } from './receiver.js';
export type { OrderedPacket, ReceiverEvents, ReceiverFigures, ReceiverSettings, RtpFormat } from './types.js';
