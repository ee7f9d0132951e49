import type { PublisherPushes } from '../rest/publisher-pushes.js';
import { HttpException, Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { PublishTarget } from '../../streams/publish/publisher.js';
import { isFields, readMessage, textOf, toMessage, type Fields, type StreamStatus } from './protocol.js';
import { NO_TOKEN, type Origin, type Publications } from './publications.js';
import type { Hook, HookAnswer, RestHooks } from '../hooks/rest-hooks.js';
import { MessageBudget } from './sdk-limits.js';
import type { SessionWatch } from './session-watch.js';

/** What a connection needs of the service. */
export interface SdkServices {
  publications: Publications;
  pushes: PublisherPushes;
  watch: SessionWatch;
  hooks: RestHooks;
}

export interface SdkClient extends Origin {
  /** `/ip:port/ip:port`, as the vendor's hooks name a connection. */
  sessionId: string;
  /** Of the WebSocket's URL: unmodified pages have no other place for a token. */
  urlToken: string | undefined;
}

interface SdkStream {
  /** As publishStream said, for hooks. */
  fields: Fields;
  target: PublishTarget;
  /** Of the publication; null until it is answered. */
  sessionId: string | null;
  gone: AbortController;
}

const PING_EVERY_MS = 10_000;
const MAX_MISSED_PINGS = 3;
/** More from one page is no page. */
const MAX_STREAMS = 10;
/** Messages that wait for one before them. */
const MAX_WAITING = 32;
/** Who guesses tokens must connect anew after so many. */
const MAX_REFUSED_TOKENS = 5;
/** From the WebSocket to an established session; the application may be asked meanwhile. */
const CONNECT_WITHIN_MS = 30_000;
const POLICY_VIOLATION = 1008;
const CLOSE_WITHIN_MS = 1000;
/** Who asks and does not read the answers is not kept waiting for. */
const MAX_BUFFERED_BYTES = 256 * 1024;
/** Media never comes through the WebSocket here. */
const NOT_TUNNELLED = { useWsTunnel: false, useWsTunnelPacketization2: false, useBase64BinaryEncoding: false };

/** One page that speaks the Web SDK's protocol. */
export class SdkConnection {
  private readonly logger = new Logger(SdkConnection.name);
  private readonly streams = new Map<string, SdkStream>();
  /** Of the connection's own token, if it had one. */
  private target: PublishTarget | null = null;
  private token: string | undefined;
  private appKey = '';
  private custom: Fields = {};
  private failOnError = new Set<string>();
  private isEstablished = false;
  /** Some token of this connection was good. */
  private isKnown = false;
  private refusedTokens = 0;
  private missedPings = 0;
  private readonly timers: NodeJS.Timeout[];
  /** One message at a time: an unPublishStream must not overtake its publishStream. */
  private work: Promise<void> = Promise.resolve();
  private waiting = 0;
  private told: Promise<unknown> = Promise.resolve();
  private readonly budget = new MessageBudget(performance.now());

  constructor(
    private readonly socket: WebSocket,
    private readonly client: SdkClient,
    private readonly services: SdkServices,
    tokenWithinMs: number,
  ) {
    this.timers = [
      setInterval(() => this.ping(), PING_EVERY_MS).unref(),
      setTimeout(() => this.isEstablished || socket.terminate(), CONNECT_WITHIN_MS).unref(),
      setTimeout(() => this.isKnown || this.refuse('ConnectionStatusEvent', NO_TOKEN), tokenWithinMs).unref(),
    ];
    socket.on('message', (data) => this.receive(Buffer.isBuffer(data) ? data.toString('utf8') : ''));
    socket.on('error', (error) => this.logger.debug(`connection ${client.sessionId}: ${error.message}`));
    socket.on('close', () => this.closed());
  }

  private receive(text: string): void {
    if (!this.budget.take(performance.now())) return this.hangUp('too many messages');
    const message = readMessage(text);
    if (message === null) return this.hangUp('not the Web SDK protocol');
    this.missedPings = 0;
    if (message.message === 'ping') return this.send('pong', null);
    // Heard at once, not after the publication that it gives up.
    if (message.message === 'unPublishStream')
      this.streams.get(textOf(message.data.mediaSessionId) ?? '')?.gone.abort();
    if (this.waiting >= MAX_WAITING) return this.hangUp('too many messages');
    this.waiting += 1;
    this.work = this.work
      .then(() => this.handle(message.message, message.data))
      .catch((error: unknown) =>
        this.logger.error(`connection ${this.client.sessionId}: ${String(error).slice(0, 500)}`),
      )
      .finally(() => (this.waiting -= 1));
  }

  private async handle(message: string, data: Fields): Promise<void> {
    if (message === 'connection') await this.connect(data);
    else if (!this.isEstablished) return;
    else if (message === 'publishStream') await this.publish(data);
    else if (message === 'unPublishStream') await this.unpublish(data);
    else if (message === 'playStream')
      this.status({ mediaSessionId: data.mediaSessionId }, 'FAILED', 'Playing is not supported');
  }

  private async connect(data: Fields): Promise<void> {
    if (this.isEstablished) return;
    this.appKey = textOf(data.appKey) ?? '';
    const { token, ...custom } = isFields(data.custom) ? data.custom : {};
    this.custom = custom;
    this.token = textOf(data.authToken) ?? textOf(token) ?? this.client.urlToken;
    try {
      this.target = this.token === undefined ? null : await this.authorise(this.token);
    } catch (error) {
      return this.refuse('ConnectionStatusEvent', sentence(error));
    }
    const answer = await this.hook('connect', this.target, {
      keepAlive: data.keepAlive === true,
      login: textOf(data.login) ?? randomUUID(),
      ...NOT_TUNNELLED,
    });
    if (answer.refusal !== null) return this.refuse('ConnectionStatusEvent', answer.refusal);
    this.readPolicies(answer.body);
    this.isEstablished = true;
    this.send('getUserData', {
      authToken: this.token ?? randomUUID(),
      sipRegister: false,
      sipLogin: '',
      appKey: this.appKey,
      status: 'ESTABLISHED',
      custom: this.custom,
    });
    this.report('ConnectionStatusEvent', this.target, { status: 'ESTABLISHED' });
  }

  private async publish(data: Fields): Promise<void> {
    const mediaSessionId = textOf(data.mediaSessionId);
    const name = textOf(data.name);
    if (mediaSessionId === undefined || name === undefined || this.streams.has(mediaSessionId)) return;
    const { sdp, rtmpUrl, custom, constraints: _unused, ...rest } = data;
    const { token, ...ownCustom } = isFields(custom) ? custom : {};
    const fields = { ...hookFields(rest), mediaSessionId, name, custom: ownCustom };
    let stream: SdkStream | undefined;
    try {
      if (this.streams.size >= MAX_STREAMS) throw new HttpException('Too many streams', 429);
      const target = await this.authorise(textOf(token) ?? this.token, name);
      stream = { fields, target, sessionId: null, gone: new AbortController() };
      this.streams.set(mediaSessionId, stream);
      if (this.socket.readyState !== this.socket.OPEN) stream.gone.abort();
      const { refusal } = await this.hook('publishStream', target, fields);
      if (refusal !== null) throw new HttpException(refusal, 403);
      const { sessionId, sdp: answer } = await this.services.publications.publish(
        target,
        textOf(sdp) ?? '',
        this.client,
        stream.gone.signal,
      );
      stream.sessionId = sessionId;
      this.send('setRemoteSDP', mediaSessionId, answer);
      this.follow(stream, sessionId, textOf(rtmpUrl));
    } catch (error) {
      this.streams.delete(mediaSessionId);
      this.status(fields, 'FAILED', sentence(error));
      if (stream)
        this.report('StreamStatusEvent', stream.target, { ...fields, status: 'FAILED', info: sentence(error) });
    }
  }

  private follow(stream: SdkStream, sessionId: string, rtmpUrl: string | undefined): void {
    const { fields, target } = stream;
    this.services.watch.add(sessionId, {
      onPublishing: () => {
        this.tell(stream, 'PUBLISHING');
        if (rtmpUrl === undefined) return;
        // The stream goes on; SESSION_STATUS.WARN shows what is wrong with the push.
        this.services.pushes.push(sessionId, target, rtmpUrl).catch((error: unknown) =>
          this.send('fail', {
            apiMethod: 'PushStatusEvent',
            id: fields.mediaSessionId,
            info: `Failed by RTMP writer error: ${sentence(error)}`,
          }),
        );
      },
      onEnd: ({ status, info }) => {
        this.streams.delete(String(fields.mediaSessionId));
        this.tell(stream, status, info);
      },
    });
  }

  private async unpublish(data: Fields): Promise<void> {
    const mediaSessionId = textOf(data.mediaSessionId) ?? '';
    const stream = this.streams.get(mediaSessionId);
    if (stream === undefined) return;
    await this.stop(mediaSessionId, stream);
    this.tell(stream, 'UNPUBLISHED', 'Stopped by user');
  }

  private async stop(mediaSessionId: string, stream: SdkStream): Promise<void> {
    this.streams.delete(mediaSessionId);
    stream.gone.abort();
    if (stream.sessionId === null) return;
    this.services.watch.remove(stream.sessionId);
    await this.services.publications.end(stream.sessionId);
    this.report('unPublishStream', stream.target, { ...stream.fields, status: 'UNPUBLISHED' });
  }

  /** The page is gone: its streams end with it, as the vendor's do. */
  private closed(): void {
    for (const timer of this.timers) clearTimeout(timer);
    for (const { gone } of this.streams.values()) gone.abort();
    this.work = this.work
      .then(() => this.stopAll())
      .catch((error: unknown) =>
        this.logger.error(`connection ${this.client.sessionId}: ${String(error).slice(0, 500)}`),
      );
  }

  private async stopAll(): Promise<void> {
    for (const [mediaSessionId, stream] of this.streams) {
      await this.stop(mediaSessionId, stream);
      this.report('StreamStatusEvent', stream.target, {
        ...stream.fields,
        status: 'UNPUBLISHED',
        info: 'Stopped by session disconnect',
      });
    }
    if (this.isEstablished) this.report('ConnectionStatusEvent', this.target, { status: 'DISCONNECTED' });
  }

  private ping(): void {
    this.missedPings += 1;
    if (this.missedPings > MAX_MISSED_PINGS) this.socket.terminate();
    else this.send('ping', null);
  }

  /** To the page and to the customer's application. */
  private tell({ fields, target }: SdkStream, status: StreamStatus, info?: string): void {
    this.status(fields, status, info);
    this.report('StreamStatusEvent', target, { ...fields, status, ...(info === undefined ? {} : { info }) });
  }

  private status({ mediaSessionId, name }: Fields, status: StreamStatus, info?: string): void {
    this.send('notifyStreamStatusEvent', {
      mediaSessionId,
      name,
      published: true,
      status,
      ...(info === undefined ? {} : { info }),
    });
  }

  private refuse(apiMethod: string, info: string): void {
    this.send('fail', { apiMethod, status: 'FAILED', info });
    this.hangUp('refused');
  }

  /** A page that does not answer our goodbye does not hold the socket. */
  private hangUp(why: string): void {
    this.socket.removeAllListeners('message');
    this.socket.close(POLICY_VIOLATION, why);
    setTimeout(() => this.socket.terminate(), CLOSE_WITHIN_MS).unref();
  }

  private async authorise(token: string | undefined, streamName?: string): Promise<PublishTarget> {
    try {
      const target = await this.services.publications.authorise(token, this.client.clientIp, streamName);
      this.isKnown = true;
      return target;
    } catch (error) {
      if (error instanceof HttpException && [401, 403].includes(error.getStatus())) this.refusedTokens += 1;
      if (this.refusedTokens >= MAX_REFUSED_TOKENS) this.hangUp('too many refused tokens');
      throw error;
    }
  }

  /** Nobody waits for what the application says to it; `callHook` takes what fails. */
  private report(hook: Hook, target: PublishTarget | null, fields: Fields): void {
    this.hook(hook, target, fields).catch((error: unknown) =>
      this.logger.error(`hook ${hook}: ${String(error).slice(0, 200)}`),
    );
  }

  /** In order: an application must not hear of an end before the beginning. */
  private hook(hook: Hook, target: PublishTarget | null, fields: Fields): Promise<HookAnswer> {
    const answer = this.told.then(() => this.callHook(hook, target, fields));
    this.told = answer;
    return answer;
  }

  private async callHook(hook: Hook, target: PublishTarget | null, fields: Fields): Promise<HookAnswer> {
    if (target === null) return { refusal: null, body: {} };
    const { sessionId } = this.client;
    try {
      return await this.services.hooks.call(
        target,
        hook,
        { appKey: this.appKey, sessionId, custom: this.custom, ...fields },
        this.failOnError.has(hook),
      );
    } catch (error) {
      // Ours, not the application's: the database is away. Nobody is kept from publishing by it here.
      this.logger.warn(`hook ${hook}: ${String(error).slice(0, 200)}`);
      return { refusal: null, body: {} };
    }
  }

  /** restClientConfig of the application's answer to connect: which hooks must succeed. */
  private readPolicies({ restClientConfig }: Fields): void {
    if (!isFields(restClientConfig)) return;
    const failing = Object.entries(restClientConfig).filter(
      ([, policy]) => isFields(policy) && policy.restOnError === 'FAIL',
    );
    this.failOnError = new Set(failing.map(([hook]) => hook));
  }

  private send(message: string, ...data: unknown[]): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.socket.send(toMessage(message, ...data));
    // WebSocket's own pings are ws's business, and it does the same.
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) this.socket.terminate();
  }
}

/** What the vendor's publishStream hook has, from what the page sent. */
function hookFields(data: Fields): Fields {
  const known = [
    'hasVideo',
    'hasAudio',
    'record',
    'width',
    'height',
    'bitrate',
    'minBitrate',
    'maxBitrate',
    'quality',
  ] as const;
  const given = Object.fromEntries(
    known.flatMap((name) =>
      typeof data[name] === 'boolean' || typeof data[name] === 'number' ? [[name, data[name]]] : [],
    ),
  );
  return {
    published: true,
    hasVideo: true,
    hasAudio: true,
    status: 'NEW',
    record: false,
    width: 0,
    height: 0,
    bitrate: 0,
    minBitrate: 0,
    maxBitrate: 0,
    quality: 0,
    mediaProvider: 'WebRTC',
    ...given,
  };
}

function sentence(error: unknown): string {
  return error instanceof HttpException ? error.message : 'Internal error';
}
