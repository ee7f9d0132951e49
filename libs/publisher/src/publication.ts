// Keeps a set of tracks published: connects, and comes back after every interruption that allows it.
import { retryDelayMs } from './backoff.js';
import { Connection, type SendSettings } from './connection.js';
import { type TokenSource, WhipClient, WhipError } from './whip-client.js';

export interface PublicationSettings extends SendSettings {
  endpoint: string;
  token?: TokenSource | undefined;
  rtmpUrl?: string | undefined;
  /** How long to go on trying after an interruption, ms; 0 gives up at once. */
  reconnectMs: number;
}

/** Told to the page while a publication is being brought back. */
export interface Reconnecting {
  attempt: number;
  /** What broke, or why the attempt before failed. */
  reason: string;
  /** When the next attempt begins, ms from now. */
  inMs: number;
}

export interface PublicationEvents {
  onLive(): void;
  onReconnecting(step: Reconnecting): void;
  /** It is over, and not because of `stop`. */
  onFailed(reason: string): void;
  /** The stream is published, but not pushed to the `rtmpUrl`. */
  onNotPushed(reason: string): void;
}

/** A server that is full may say when to come back: a publisher who has just pressed the button waits so long for it. */
const START_MS = 30_000;
/** The server says that this session was ended on purpose, or that another publisher has the stream: coming back would defy it. */
const GONE = 410;

export class Publication {
  /** Sessions that the server may still know: the running one; while a new one is being made, also the one before. */
  private clients: WhipClient[] = [];
  private connection: Connection | undefined;
  private recovering = false;
  private readonly stopping = new AbortController();

  constructor(
    private readonly settings: PublicationSettings,
    private readonly tracks: () => readonly MediaStreamTrack[],
    private readonly events: PublicationEvents,
  ) {}

  /** Connects for the first time. Only an answer that asks for patience is tried again: everything else the user should see at once. */
  async start(): Promise<void> {
    addEventListener('online', () => this.mend('the network changed'), { signal: this.stopping.signal });
    await this.insist(
      START_MS,
      'starting',
      (error) => error instanceof WhipError && error.retryAfterMs !== undefined,
      () => this.connect(),
    );
  }

  /** Brings the publication back: an ICE restart where the session still stands, else a new session that takes the stream over. */
  async recover(reason: string): Promise<void> {
    if (this.recovering || this.connection === undefined || this.stopping.signal.aborted) return;
    this.recovering = true;
    try {
      this.events.onReconnecting({ attempt: 1, reason, inMs: 0 });
      await this.insist(
        this.settings.reconnectMs,
        reason,
        (error) => !(error instanceof WhipError) || error.temporary,
        () => this.reconnect(),
      );
    } finally {
      this.recovering = false;
    }
  }

  /** `recover` for listeners, which wait for nothing. */
  private mend(reason: string): void {
    this.recover(reason).catch((error: unknown) => this.fail(error));
  }

  async replace(track: MediaStreamTrack): Promise<void> {
    await this.connection?.replace(track);
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    return this.connection?.getStats();
  }

  /** Ends the stream on the server at once. */
  async stop(): Promise<void> {
    this.stopping.abort();
    try {
      await Promise.all(this.clients.map((client) => client.end()));
    } finally {
      // Not sooner: a connection that goes without a word is waited for.
      this.connection?.drop();
    }
  }

  private async connect(): Promise<void> {
    const { signal } = this.stopping;
    signal.throwIfAborted();
    const client = new WhipClient(this.settings.endpoint, this.settings.token, this.settings.rtmpUrl);
    this.clients.push(client);
    const events = {
      onBroken: (reason: string) => this.mend(reason),
      onSilent: () => {
        this.askAfter(client).catch((error: unknown) => this.fail(error));
      },
    };
    this.connection = await Connection.open(client, this.tracks(), this.settings, events, signal);
    // What was switched to while it connected: nobody may be seen or heard by what he has left.
    for (const track of this.tracks()) await this.connection.replace(track);
    // The server has closed the others.
    this.clients = [client];
    if (client.rtmpError !== null) this.events.onNotPushed(client.rtmpError);
  }

  /** The server is silent: a session that is over needs no patience with its path. */
  private async askAfter(client: WhipClient): Promise<void> {
    try {
      if (await client.isThere()) return;
    } catch (error) {
      // No answer says nothing about the session; an end on purpose (410) is told to whoever tries to recover.
      if (!(error instanceof WhipError) || error.status !== GONE) return;
    }
    if (client === this.clients.at(-1)) await this.recover('the server has ended the session');
  }

  private async reconnect(): Promise<void> {
    if (this.connection) {
      try {
        if (!this.connection.isClosed) return await this.connection.restart(this.stopping.signal);
        await this.clients.at(-1)?.isThere();
      } catch (error) {
        // Not reachable for now, or its node is: the session may well be there in a moment, with the platforms still connected.
        if (error instanceof WhipError && (error.temporary || error.status === GONE)) throw error;
      }
    }
    // Who has stopped lets go when the server knows.
    this.stopping.signal.throwIfAborted();
    // Not ended on the server: the stream waits there for its publisher, and ending the session would end it.
    this.connection?.drop();
    await this.connect();
  }

  /** Repeats `work` for so long as its failures are `worthwhile` to try again. */
  private async insist(
    forMs: number,
    reason: string,
    worthwhile: (error: unknown) => boolean,
    work: () => Promise<void>,
  ): Promise<void> {
    const deadline = performance.now() + forMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (forMs === 0) throw new Error(`The stream is interrupted: ${reason}.`);
        await work();
        return this.events.onLive();
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        const inMs = retryDelayMs(attempt, error instanceof WhipError ? error.retryAfterMs : undefined);
        if (!worthwhile(error) || performance.now() + inMs > deadline) return this.fail(error);
        this.events.onReconnecting({ attempt: attempt + 1, reason: inWords(error), inMs });
        await this.pause(inMs, error instanceof WhipError && error.status === 0);
      }
    }
  }

  private fail(error: unknown): void {
    // A session without media would hold the stream's name for a while. It may well be that nobody hears this.
    this.stop().catch((error: unknown) =>
      console.debug('manycast: the server did not hear that the stream failed', error),
    );
    this.events.onFailed(inWords(error));
  }

  /** Without a network, its return ends the pause. */
  private pause(ms: number, untilOnline: boolean): Promise<void> {
    return new Promise((resolve) => {
      const over = new AbortController();
      const end = (): void => {
        over.abort();
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.stopping.signal.addEventListener('abort', end, { signal: over.signal });
      if (untilOnline) addEventListener('online', end, { signal: over.signal });
    });
  }
}

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error));
