import { HttpException, Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { PublishTarget } from '../../streams/publish/publisher.js';
import type { RestHooks } from '../hooks/rest-hooks.js';
import { MessageQueue } from './message-queue.js';
import { isFields, textOf, type ClientMessage, type Fields } from './protocol.js';
import { NO_TOKEN, type Origin } from './publications.js';
import { SdkApplication } from './sdk-application.js';
import { SdkSocket } from './sdk-socket.js';
import { SdkStreams, sentence, type StreamServices } from './sdk-streams.js';

/** What a connection needs of the service. */
export interface SdkServices extends StreamServices {
  hooks: RestHooks;
}

export interface SdkClient extends Origin {
  /** `/ip:port/ip:port`, as the vendor's hooks name a connection. */
  sessionId: string;
  /** Of the WebSocket's URL: unmodified pages have no other place for a token. */
  urlToken: string | undefined;
}

/** Who guesses tokens must connect again after this many. */
const MAX_REFUSED_TOKENS = 5;
/** From the WebSocket to an established session; the application may be asked meanwhile. */
const CONNECT_WITHIN_MS = 30_000;
/** Media never comes through the WebSocket here. */
const NOT_TUNNELLED = { useWsTunnel: false, useWsTunnelPacketization2: false, useBase64BinaryEncoding: false };

/** One page that speaks the Web SDK's protocol: who it is, and its messages in their order. */
export class SdkConnection {
  private readonly socket: SdkSocket;
  private readonly application: SdkApplication;
  private readonly streams: SdkStreams;
  private readonly queue: MessageQueue;
  private readonly timers: NodeJS.Timeout[];
  /** What its first message said. */
  private said = { appKey: '', custom: {} as Fields, token: undefined as string | undefined };
  /** Of the connection's own token, if it had one. */
  private target: PublishTarget | null = null;
  private isEstablished = false;
  /** Some token of this connection was good. */
  private isKnown = false;
  private refusedTokens = 0;

  constructor(
    socket: WebSocket,
    private readonly client: SdkClient,
    private readonly services: SdkServices,
    tokenWithinMs: number,
  ) {
    const { sessionId } = client;
    this.socket = new SdkSocket(socket, sessionId, {
      onMessage: (message) => this.receive(message),
      onClose: () => this.closed(),
    });
    this.application = new SdkApplication(services.hooks, () => {
      const { appKey, custom } = this.said;
      return { appKey, sessionId, custom };
    });
    this.streams = new SdkStreams(services, client, this.socket, this.application);
    const logger = new Logger(SdkConnection.name);
    this.queue = new MessageQueue((error) => logger.error(`connection ${sessionId}: ${String(error).slice(0, 500)}`));
    this.timers = [
      setTimeout(() => this.isEstablished || this.socket.terminate(), CONNECT_WITHIN_MS).unref(),
      setTimeout(() => this.isKnown || this.socket.refuse('ConnectionStatusEvent', NO_TOKEN), tokenWithinMs).unref(),
    ];
  }

  private receive({ message, data }: ClientMessage): void {
    // Served before its turn: it gives up a publication that may be under way.
    if (message === 'unPublishStream') this.streams.abort(data.mediaSessionId);
    if (!this.queue.add(() => this.handle(message, data))) this.socket.hangUp('too many messages');
  }

  private async handle(message: string, data: Fields): Promise<void> {
    if (message === 'connection') await this.connect(data);
    else if (!this.isEstablished) return;
    else if (message === 'publishStream')
      await this.streams.publish(data, (token, name) => this.authorise(token ?? this.said.token, name));
    else if (message === 'unPublishStream') await this.streams.unpublish(data);
    else if (message === 'playStream')
      this.streams.tellPage({ mediaSessionId: data.mediaSessionId }, 'FAILED', 'Playing is not supported');
  }

  private async connect(data: Fields): Promise<void> {
    if (this.isEstablished) return;
    const appKey = textOf(data.appKey) ?? '';
    const { token: customToken, ...custom } = isFields(data.custom) ? data.custom : {};
    const token = textOf(data.authToken) ?? textOf(customToken) ?? this.client.urlToken;
    this.said = { appKey, custom, token };
    try {
      this.target = token === undefined ? null : await this.authorise(token);
    } catch (error) {
      return this.socket.refuse('ConnectionStatusEvent', sentence(error));
    }
    const answer = await this.application.ask('connect', this.target, {
      keepAlive: data.keepAlive === true,
      login: textOf(data.login) ?? randomUUID(),
      ...NOT_TUNNELLED,
    });
    if (answer.refusal !== null) return this.socket.refuse('ConnectionStatusEvent', answer.refusal);
    this.application.readPolicies(answer.body);
    this.isEstablished = true;
    this.socket.send('getUserData', {
      authToken: token ?? randomUUID(),
      sipRegister: false,
      sipLogin: '',
      appKey,
      status: 'ESTABLISHED',
      custom,
    });
    this.application.report('ConnectionStatusEvent', this.target, { status: 'ESTABLISHED' });
  }

  private closed(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.streams.abortAll();
    this.queue.afterAll(async () => {
      await this.streams.stopAll();
      if (this.isEstablished) this.application.report('ConnectionStatusEvent', this.target, { status: 'DISCONNECTED' });
    });
  }

  private async authorise(token: string | undefined, streamName?: string): Promise<PublishTarget> {
    try {
      const target = await this.services.publications.authorise(token, this.client.clientIp, streamName);
      this.isKnown = true;
      return target;
    } catch (error) {
      if (error instanceof HttpException && [401, 403].includes(error.getStatus())) this.refusedTokens += 1;
      if (this.refusedTokens >= MAX_REFUSED_TOKENS) this.socket.hangUp('too many refused tokens');
      throw error;
    }
  }
}
