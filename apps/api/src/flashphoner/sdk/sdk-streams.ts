import { HttpException } from '@nestjs/common';
import type { PublishTarget } from '../../streams/publish/publisher.js';
import type { PublisherPushes } from '../rest/publisher-pushes.js';
import { isFields, textOf, type Fields, type StreamStatus } from './protocol.js';
import type { Origin, Publications } from './publications.js';
import type { SdkApplication } from './sdk-application.js';
import type { SdkSocket } from './sdk-socket.js';
import type { SessionWatch } from './session-watch.js';

/** What streams need of the service. */
export interface StreamServices {
  publications: Publications;
  pushes: PublisherPushes;
  watch: SessionWatch;
}

interface SdkStream {
  /** As publishStream said, for hooks. */
  fields: Fields;
  target: PublishTarget;
  /** Of the publication; null until it is answered. */
  sessionId: string | null;
  gone: AbortController;
}

/** A real page never publishes more streams. */
const MAX_STREAMS = 10;

/** The streams that one page publishes, from publishStream to their end. Both the page and the application are told what becomes of them. */
export class SdkStreams {
  private readonly streams = new Map<string, SdkStream>();

  constructor(
    private readonly services: StreamServices,
    private readonly origin: Origin,
    private readonly socket: SdkSocket,
    private readonly application: SdkApplication,
  ) {}

  /** `authorise`: the entry point that the stream's token opens; undefined when the stream has no token of its own. */
  async publish(
    data: Fields,
    authorise: (token: string | undefined, streamName: string) => Promise<PublishTarget>,
  ): Promise<void> {
    const mediaSessionId = textOf(data.mediaSessionId);
    const name = textOf(data.name);
    if (mediaSessionId === undefined || name === undefined || this.streams.has(mediaSessionId)) return;
    const { sdp, rtmpUrl, custom, constraints: _unused, ...rest } = data;
    const { token, ...ownCustom } = isFields(custom) ? custom : {};
    const fields = { ...hookFields(rest), mediaSessionId, name, custom: ownCustom };
    let stream: SdkStream | undefined;
    try {
      if (this.streams.size >= MAX_STREAMS) throw new HttpException('Too many streams', 429);
      const target = await authorise(textOf(token), name);
      stream = { fields, target, sessionId: null, gone: new AbortController() };
      this.streams.set(mediaSessionId, stream);
      if (!this.socket.isOpen) stream.gone.abort();
      const { refusal } = await this.application.ask('publishStream', target, fields);
      if (refusal !== null) throw new HttpException(refusal, 403);
      const { sessionId, sdp: answer } = await this.services.publications.publish(
        target,
        textOf(sdp) ?? '',
        this.origin,
        stream.gone.signal,
      );
      stream.sessionId = sessionId;
      this.socket.send('setRemoteSDP', mediaSessionId, answer);
      this.follow(stream, sessionId, textOf(rtmpUrl));
    } catch (error) {
      this.streams.delete(mediaSessionId);
      this.tellPage(fields, 'FAILED', sentence(error));
      if (stream)
        this.application.report('StreamStatusEvent', stream.target, {
          ...fields,
          status: 'FAILED',
          info: sentence(error),
        });
    }
  }

  /** Gives a publication up that is still under way. */
  abort(mediaSessionId: unknown): void {
    this.streams.get(textOf(mediaSessionId) ?? '')?.gone.abort();
  }

  /** As `abort`, of all of them. */
  abortAll(): void {
    for (const { gone } of this.streams.values()) gone.abort();
  }

  /** The page's unPublishStream. */
  async unpublish(data: Fields): Promise<void> {
    const mediaSessionId = textOf(data.mediaSessionId) ?? '';
    const stream = this.streams.get(mediaSessionId);
    if (stream === undefined) return;
    await this.stop(mediaSessionId, stream);
    this.tell(stream, 'UNPUBLISHED', 'Stopped by user');
  }

  /** The page is gone: its streams end with it, as the vendor's do. */
  async stopAll(): Promise<void> {
    for (const [mediaSessionId, stream] of this.streams) {
      await this.stop(mediaSessionId, stream);
      this.application.report('StreamStatusEvent', stream.target, {
        ...stream.fields,
        status: 'UNPUBLISHED',
        info: 'Stopped by session disconnect',
      });
    }
  }

  /** The status of a stream to the page alone. */
  tellPage({ mediaSessionId, name }: Fields, status: StreamStatus, info?: string): void {
    this.socket.send('notifyStreamStatusEvent', {
      mediaSessionId,
      name,
      published: true,
      status,
      ...(info === undefined ? {} : { info }),
    });
  }

  private follow(stream: SdkStream, sessionId: string, rtmpUrl: string | undefined): void {
    const { fields, target } = stream;
    this.services.watch.add(sessionId, {
      onPublishing: () => {
        this.tell(stream, 'PUBLISHING');
        if (rtmpUrl === undefined) return;
        // The stream goes on; SESSION_STATUS.WARN shows what is wrong with the push.
        this.services.pushes.push(sessionId, target, rtmpUrl).catch((error: unknown) =>
          this.socket.send('fail', {
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

  private async stop(mediaSessionId: string, stream: SdkStream): Promise<void> {
    this.streams.delete(mediaSessionId);
    stream.gone.abort();
    if (stream.sessionId === null) return;
    this.services.watch.remove(stream.sessionId);
    await this.services.publications.end(stream.sessionId);
    this.application.report('unPublishStream', stream.target, { ...stream.fields, status: 'UNPUBLISHED' });
  }

  /** To the page and to the customer's application. */
  private tell({ fields, target }: SdkStream, status: StreamStatus, info?: string): void {
    this.tellPage(fields, status, info);
    this.application.report('StreamStatusEvent', target, {
      ...fields,
      status,
      ...(info === undefined ? {} : { info }),
    });
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

/** What a page is told of a failure: the sentences of our refusals, and nothing of what is ours. */
export function sentence(error: unknown): string {
  return error instanceof HttpException ? error.message : 'Internal error';
}
