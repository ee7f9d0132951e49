import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { addressRules, Env } from '#libs/config';
import { openTransferUrl, type Prisma, PrismaService, SecretBox, type Transfer } from '#libs/db';
import { Registry } from '#libs/queue';
import { AllowList, ForbiddenAddress, lookupHost, resolveAllowed } from '#libs/net';
import { pushUrl, type ReasonCode, TransferError, type TransferOptions, type TransferUrl } from '#libs/transfer';
import { ownedBy, type Caller } from '../../auth/caller.js';
import { badRequest } from '../../http/problem.js';
import type { LiveFigures } from '../../streams/live-figures.js';
import { TransferService } from '../../streams/transfers/transfer.service.js';
import { isUnavailable } from '../../http/unavailable.js';
import { newMediaSessionId } from './media-session-id.js';
import { pushOptions } from '../republish/push-settings.js';
import { PushSettingsService } from '../republish/push-settings.service.js';
import { toVendorOptions, type Startup } from './push.dto.js';
import type { Filter, Place, TransponderResponse } from './push.shapes.js';
import { findPushes, findSources } from './running.js';

const DNS_TIMEOUT_MS = 4000;
/** What the vendor's own pages put before a stream's name when they look for its transponder, whatever the server's settings are. */
const VENDOR_PREFIX = 'rtmp_';

/** What the row of a transfer says that somebody has taken away. */
const REMOVED = 'removed' satisfies ReasonCode;

type SourceStream = { id: string; name: string; projectId: string; entryPointId: string };
type Push = Transfer & { stream: { name: string; projectId: string; project: { customerId: string } } };

/** Flashphoner's transponders: transfers of origin `push`. "Gone" is what has ended, and what failed for good. */
const ALIVE = {
  mediaSessionId: { not: null },
  endedAt: null,
  NOT: { state: 'failed', nextRetryAt: null },
} as const satisfies Prisma.TransferWhereInput;

@Injectable()
export class PushService {
  private readonly allowList: AllowList;

  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly transfers: TransferService,
    private readonly settings: PushSettingsService,
    private readonly registry: Registry,
    env: Env,
  ) {
    this.allowList = AllowList.parse(addressRules(env));
  }

  /** The transponder is there, and is found, from the moment of the answer, however long the RTMP server takes. */
  async startup(caller: Caller, request: Startup): Promise<TransponderResponse> {
    return this.pushTo(caller, await this.source(caller, request), request);
  }

  /** As `startup`, of a stream that is known. */
  async pushTo(
    caller: Caller,
    stream: SourceStream,
    { rtmpUrl, fullUrl, options }: Omit<Startup, 'streamName'>,
  ): Promise<TransponderResponse> {
    const { settings } = await this.settings.of(stream.entryPointId);
    const url = readUrl(() => pushUrl(rtmpUrl, stream.name, { ...settings, fullUrl: fullUrl ?? settings.fullUrl }));
    await this.requireAddress(url);
    await this.requireNew(caller, stream, rtmpUrl, url);
    const mediaSessionId = newMediaSessionId();
    const push = { origin: 'push', mediaSessionId, pushUrl: this.box.seal(rtmpUrl, `push:${stream.id}`) };
    const path = { appid: stream.projectId, streamId: stream.id };
    await this.transfers.add(caller, path, { url, options: { ...pushOptions(settings), ...options } }, push);
    // Whatever has become of it since: a server that refuses at once was still asked to take it.
    const [transponder] = await this.toResponses(caller, await this.pushes(caller, { mediaSessionId }), rtmpUrl);
    // Ended between two statements: the stream's publisher left.
    if (transponder === undefined) throw new NotFoundException('Stream not found');
    return transponder;
  }

  /** By the bare name, the one on the RTMP server, or the one that the vendor's pages ask for; by rtmpUrl exactly as it was sent. */
  async find(caller: Caller, { streamName, rtmpUrl, appId, entryPoint }: Filter): Promise<TransponderResponse[]> {
    const ids = await findPushes(this.prisma, caller, { appId, entryPoint });
    const rows = await this.rows({ id: { in: ids }, AND: [ALIVE] });
    const named = rows.filter(
      (row) =>
        streamName === undefined ||
        [row.stream.name, this.pushName(row), VENDOR_PREFIX + row.stream.name].includes(streamName),
    );
    return this.toResponses(
      caller,
      named.filter((row) => rtmpUrl === undefined || this.rtmpUrl(row) === rtmpUrl),
      rtmpUrl,
    );
  }

  async terminate(caller: Caller, mediaSessionId: string | undefined): Promise<void> {
    const { path, id } = await this.get(caller, mediaSessionId);
    await this.transfers.remove(caller, path, id);
  }

  /** Whether the last push of a running stream to this rtmpUrl was ended on purpose. */
  async wasTerminated({ id }: SourceStream, rtmpUrl: string): Promise<boolean> {
    const rows = await this.prisma.transfer.findMany({
      where: { streamId: id, mediaSessionId: { not: null } },
      orderBy: { id: 'desc' },
    });
    const last = rows.find((row) => this.rtmpUrl(row) === rtmpUrl);
    return last?.reason === REMOVED;
  }

  /** Mutes, or gives a sound in place of the audio; null ends that. */
  async change(
    caller: Caller,
    mediaSessionId: string | undefined,
    options: Pick<TransferOptions, 'muted' | 'sound'>,
  ): Promise<void> {
    const { path, id, sound } = await this.get(caller, mediaSessionId);
    // The same sound once more begins again.
    if (options.sound != null && options.sound.file === sound?.file)
      await this.transfers.change(caller, path, id, { options: { sound: null } });
    await this.transfers.change(caller, path, id, { options });
  }

  /** The one running stream that is meant. A name may run in several projects and entry points of a customer. */
  private async source(caller: Caller, { streamName, appId, entryPoint }: Startup & Place): Promise<SourceStream> {
    const found = await findSources(this.prisma, caller, { appId, entryPoint }, streamName);
    const [stream, ...others] = found;
    if (stream === undefined) throw new NotFoundException('Stream not found');
    if (others.length === 0) return stream;
    const places = found.map((one) => `${one.projectId}/${one.entryPoint}`).join(', ');
    throw badRequest([
      { field: 'streamName', message: `is ambiguous: it runs at ${places}; say which by appId and entryPoint` },
    ]);
  }

  private async requireAddress({ target: { host, port } }: TransferUrl): Promise<void> {
    const signal = AbortSignal.timeout(DNS_TIMEOUT_MS);
    try {
      await resolveAllowed(host, port, this.allowList, (name) => lookupHost(name, DNS_TIMEOUT_MS, signal));
    } catch (error) {
      const message =
        error instanceof ForbiddenAddress
          ? 'leads to an address that may not be reached'
          : 'has a host that cannot be resolved by DNS';
      throw badRequest([{ field: 'rtmpUrl', message }]);
    }
  }

  /** 409 for the same stream and rtmpUrl, however they would be joined. What failed for good makes room. */
  private async requireNew(caller: Caller, stream: SourceStream, rtmpUrl: string, url: TransferUrl): Promise<void> {
    const path = { appid: stream.projectId, streamId: stream.id };
    const hashes = this.box.hashes(url.text);
    const rows = await this.prisma.transfer.findMany({
      where: { streamId: stream.id, endedAt: null, mediaSessionId: { not: null } },
    });
    for (const row of rows) {
      const isGone = row.state === 'failed' && row.nextRetryAt === null;
      if (isGone && hashes.includes(row.urlHash)) await this.transfers.remove(caller, path, row.id);
      else if (!isGone && this.rtmpUrl(row) === rtmpUrl) throw new ConflictException('Transponder already exists');
    }
  }

  private async get(
    caller: Caller,
    mediaSessionId: string | undefined,
  ): Promise<{ path: { appid: string; streamId: string }; id: string; sound: TransferOptions['sound'] }> {
    const [row] = mediaSessionId === undefined ? [] : await this.alive(caller, { mediaSessionId });
    if (row === undefined) throw new NotFoundException('Not found transponder');
    return {
      path: { appid: row.stream.projectId, streamId: row.streamId },
      id: row.id,
      sound: (row.options as TransferOptions).sound,
    };
  }

  private alive(caller: Caller, where: Prisma.TransferWhereInput): Promise<Push[]> {
    return this.pushes(caller, { ...where, AND: [ALIVE] });
  }

  private pushes(caller: Caller, where: Prisma.TransferWhereInput): Promise<Push[]> {
    return this.rows({ ...where, stream: { project: ownedBy(caller) } });
  }

  private rows(where: Prisma.TransferWhereInput): Promise<Push[]> {
    return this.prisma.transfer.findMany({
      where,
      include: { stream: { select: { name: true, projectId: true, project: { select: { customerId: true } } } } },
      orderBy: { id: 'asc' },
    });
  }

  private rtmpUrl({ pushUrl, streamId }: Transfer): string {
    return pushUrl === null ? '' : this.box.open(pushUrl, `push:${streamId}`);
  }

  /** The stream's name on the RTMP server: with a full URL it is the key, so it is read from where that is sealed. */
  private pushName(row: Transfer): string {
    return openTransferUrl(this.box, row).target.streamName;
  }

  /** `named`: the rtmpUrl that the request itself has said. */
  private async toResponses(
    { customerId, projectId }: Caller,
    rows: Push[],
    named: string | undefined,
  ): Promise<TransponderResponse[]> {
    const live = await this.registry
      .figures<LiveFigures>([...new Set(rows.map(({ streamId }) => streamId))])
      .catch((error: unknown) => {
        if (isUnavailable(error)) return new Map<string, LiveFigures>();
        throw error;
      });
    return rows.map((row) => {
      const options = row.options as TransferOptions;
      // Its owner's programs compare these with what they sent; an operator who looks on needs no stream keys (decision 0013), and a full URL's last part is one.
      // A REST key lies open in a page: it reads no keys of the project's other pushes.
      const isOwners =
        row.stream.project.customerId === customerId && (projectId === undefined || this.rtmpUrl(row) === named);
      return {
        mediaSessionId: row.mediaSessionId ?? '',
        streamName: isOwners ? this.pushName(row) : row.stream.name,
        rtmpUrl: isOwners ? this.rtmpUrl(row) : row.redactedUrl,
        ...videoSize(
          options,
          live.get(row.streamId)?.input as { width?: number | null; height?: number | null } | undefined,
        ),
        muted: options.muted ?? false,
        soundEnabled: options.sound != null && !isOver(live.get(row.streamId)?.transfers[row.id]),
        options: toVendorOptions(options),
      };
    });
  }
}

/** Of a sound that was to be played once. */
const isOver = (figures: unknown): boolean => (figures as { soundIsOver?: boolean } | undefined)?.soundIsOver === true;

function readUrl(read: () => TransferUrl): TransferUrl {
  try {
    return read();
  } catch (error) {
    if (error instanceof TransferError)
      throw badRequest([{ field: 'rtmpUrl', message: (error.detail ?? error.message).replace(/^the URL /, '') }]);
    throw error;
  }
}

/** The size of the video as it is sent: as asked for, with the source's aspect ratio where only a height was given, or the source's own. */
function videoSize(
  { width, height }: TransferOptions,
  source: { width?: number | null; height?: number | null } = {},
): { width: number; height: number } {
  const own = { width: source.width ?? 0, height: source.height ?? 0 };
  if (height === undefined) return own;
  const inShape = own.height === 0 ? 0 : Math.round((height * own.width) / own.height / 2) * 2;
  return { width: width ?? inShape, height };
}
