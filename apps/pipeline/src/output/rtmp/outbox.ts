import type { Socket } from 'node:net';
import { type Message, toChunks } from './chunks.js';

/** What goes out to a socket: all that one turn of the event loop brings in one system call. */
export class Outbox {
  /** Handed over since the connection began. */
  bytesSent = 0;
  /** Bytes of a message in one chunk; 128 until something else is announced (section 5.4.1). */
  chunkSize = 128;
  /** Of this turn of the event loop. */
  private unwritten: { pieces: Buffer[]; bytes: number } = { pieces: [], bytes: 0 };

  constructor(private readonly socket: Socket) {}

  /** What waits for the network. */
  get queuedBytes(): number {
    return this.socket.writableLength + this.unwritten.bytes;
  }

  send(chunkStream: number, message: Message): void {
    this.write(toChunks(chunkStream, message, this.chunkSize));
  }

  write(pieces: Buffer[]): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    if (this.unwritten.bytes === 0) process.nextTick(() => this.flush());
    for (const piece of pieces) {
      this.unwritten.pieces.push(piece);
      this.unwritten.bytes += piece.length;
      this.bytesSent += piece.length;
    }
  }

  /** One system call for all that a turn has brought: a video frame comes with the audio of its time. A copy costs less than a list of pieces. */
  flush(): void {
    const { pieces } = this.unwritten;
    if (pieces.length === 0) return;
    this.unwritten = { pieces: [], bytes: 0 };
    if (!this.socket.destroyed && !this.socket.writableEnded) this.socket.write(Buffer.concat(pieces));
  }
}
