import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type In, isPipelineOp, type Out, type PipelineEvents, type PipelineOp, type Snapshot } from '#libs/protocol';

/** Serves what the worker asks; what it throws with a `code` reaches the worker. */
type Serve = <Op extends PipelineOp>(op: Op, body: In<Op>) => Out<Op> | Promise<Out<Op>>;

/** A worker that does not read must not keep an ended stream's process. */
const LAST_WORD_MS = 1000;
/** A line longer than this is no command of ours. */
const MAX_LINE = 1024 * 1024;

/** The pipeline's side of the control socket. One worker at a time: a new connection replaces the old one. */
export class ControlServer {
  private readonly server: Server;
  private worker: Socket | null = null;
  private isOpen = false;
  /** Of a worker that came before we were ready for it. */
  private early: Socket | null = null;

  constructor(
    private readonly path: string,
    private readonly serve: Serve,
    private readonly snapshot: () => Snapshot,
    /** Called with false when the worker goes away, with true when one connects. */
    private readonly onWorker: (connected: boolean) => void,
  ) {
    this.server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      if (this.isOpen) return this.accept(socket);
      this.early?.destroy();
      this.early = socket;
    });
    // One connection that cannot be accepted (no file left, say) is the worker's to repeat.
    this.server.on('error', () => undefined);
  }

  /** From now on a worker is answered. */
  open(): void {
    this.isOpen = true;
    const { early } = this;
    this.early = null;
    if (early && !early.destroyed) this.accept(early);
  }

  async listen(): Promise<void> {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    rmSync(this.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.path, resolve);
    });
    chmodSync(this.path, 0o600);
  }

  send<E extends keyof PipelineEvents>(event: E, body: PipelineEvents[E]): void {
    this.write({ event, body });
  }

  /** Resolves when what was sent has left (or cannot any more); removes the socket file, where that is ours: else the worker does. */
  async close(): Promise<void> {
    const { worker } = this;
    if (worker && !worker.destroyed)
      await Promise.race([lastWord(worker), sleep(LAST_WORD_MS, undefined, { ref: false })]);
    this.server.close();
    try {
      rmSync(this.path, { force: true });
    } catch (error) {
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  private accept(socket: Socket): void {
    this.worker?.destroy();
    this.worker = socket;
    socket.setEncoding('utf8');
    let rest = '';
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() as string;
      if (rest.length > MAX_LINE) socket.destroy();
      for (const line of lines) {
        this.handle(socket, line).catch((error: unknown) => socket.destroy(error as Error));
      }
    });
    socket.on('close', () => {
      if (this.worker !== socket) return;
      this.worker = null;
      this.onWorker(false);
    });
    this.onWorker(true);
    this.send('hello', this.snapshot());
  }

  private async handle(socket: Socket, line: string): Promise<void> {
    const command = parse(line);
    if (!command) {
      socket.destroy();
      return;
    }
    const { id, op, body } = command;
    try {
      if (!isPipelineOp(op)) throw new Error(`unknown operation ${String(op)}`);
      const result = await this.serve(op, body);
      socket.write(`${JSON.stringify({ re: id, result: result ?? {} })}\n`);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const message = (error as Error).message;
      socket.write(
        `${JSON.stringify({ re: id, error: { code: typeof code === 'string' ? code : 'internal', message } })}\n`,
      );
    }
  }

  private write(message: unknown): void {
    if (this.worker?.writable) this.worker.write(`${JSON.stringify(message)}\n`);
  }
}

/** Resolves when all that was written has left, or cannot any more. */
function lastWord(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.end(() => resolve());
  });
}

/** Null for what is no command. */
function parse(line: string): { id: number; op: PipelineOp; body: never } | null {
  try {
    const command = JSON.parse(line) as { id: number; op: PipelineOp; body: never } | null;
    return typeof command?.id === 'number' && typeof command.op === 'string' ? command : null;
  } catch {
    return null;
  }
}
