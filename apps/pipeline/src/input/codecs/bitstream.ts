/** Data that is not as its specification wants it. */
export class Malformed extends Error {}

/** No frame is larger; what a hostile publisher sends must not fill the memory. */
export const MAX_FRAME_BYTES = 8_000_000;
/** Packets and units of a frame: twice what so many bytes need in packets of usual size. Each costs some memory beside its bytes. */
export const MAX_FRAME_PIECES = 16_384;
