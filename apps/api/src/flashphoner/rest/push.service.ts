import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { addressRules, Env } from '#libs/config';
import { HotSql, openTransferUrl, PrismaService, SecretBox, type Transfer } from '#libs/db';
import { Registry } from '#libs/queue';
import { AllowList, ForbiddenAddress, lookupHost, resolveAllowed } from '#libs/net';
import { pushUrl, type ReasonCode, TransferError, type TransferOptions, type TransferUrl } from '#libs/transfer';
import type { Caller } from '../../auth/caller.js';
import { badRequest } from '../../http/problem.js';
import type { LiveFigures } from '../../streams/live-figures.js';
import { StreamEnded } from '../../streams/transfers/add-transfer.js';
import { TransferService } from '../../streams/transfers/transfer.service.js';
import { isUnavailable } from '../../http/unavailable.js';
import { newMediaSessionId } from './media-session-id.js';
import { pushOptions } from '../republish/push-settings.js';
import { PushSettingsService } from '../republish/push-settings.service.js';
import { toVendorOptions, type Startup } from './push.dto.js';
import { findPushes, findPushSources, type PushRow, type PushSource } from './push-sql.js';
import type { Filter, Place, TransponderResponse } from './push.shapes.js';

const DNS_TIMEOUT_MS = 4000;
/** What the vendor's own pages put before a stream's name when they look for its transponder, whatever the server's settings are. */
const VENDOR_PREFIX = 'rtmp_';

/** What the row of a transfer says that somebody has taken away. */
const REMOVED = 'removed' satisfies ReasonCode;

/** A transponder; what is sealed in its row is opened for those who may see it. */
type Push = Omit<PushRow, 'url' | 'pushUrl' | 'options'> & {
  options: unknown;
  /** The stream's name on the RTMP server: the key, where the URL was a full one. */
  pushName: () => string;
  rtmpUrl: () => string;
};

/** Flashphoner's transponders: transfers of origin `push`. */
@Injectable()
export class PushService {
  private readonly allowList: AllowList;

  constructor(
    private readonly prisma: PrismaService,
    private readonly sql: HotSql,
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
    source: PushSource,
    { rtmpUrl, fullUrl, options: asked }: Omit<Startup, 'streamName'>,
  ): Promise<TransponderResponse> {
    const { id: streamId, name, projectId, customerId, entryPointId, ownerNode } = source;
    const { settings } = this.settings.effective(entryPointId, source.settings);
    const url = readUrl(() => pushUrl(rtmpUrl, name, { ...settings, fullUrl: fullUrl ?? settings.fullUrl }));
    await this.requireAddress(url);
    await this.requireNew(caller, source, rtmpUrl, url);
    const options = { ...pushOptions(settings), ...asked };
    const mediaSessionId = newMediaSessionId();
    const push = { origin: 'push', mediaSessionId, pushUrl: this.box.seal(rtmpUrl, `push:${streamId}`) };
    const { id } = await this.transfers
      .addTo({ appid: projectId, streamId }, source.quotas, { url, options }, push)
      .catch(rethrowEnded);
    // Whatever has become of it since: a server that refuses at once was still asked to take it.
    const known = { pushName: () => url.target.streamName, rtmpUrl: () => rtmpUrl };
    const row = { id, streamId, mediaSessionId, projectId, customerId, ownerNode, streamName: name };
    const shown = { ...row, redactedUrl: url.masked, options, ...known };
    const [transponder] = await this.toResponses(caller, [shown], rtmpUrl);
    return transponder as TransponderResponse;
  }

  /** By the bare name, the one on the RTMP server, or the one that the vendor's pages ask for; by rtmpUrl exactly as it was sent. */
  async find(caller: Caller, { streamName, rtmpUrl, appId, entryPoint }: Filter): Promise<TransponderResponse[]> {
    const found = await findPushes(this.prisma, caller, { appId, entryPoint });
    const rows = found.map((row) => this.toPush(row));
    const named = rows.filter(
      (row) =>
        streamName === undefined ||
        [row.streamName, row.pushName(), VENDOR_PREFIX + row.streamName].includes(streamName),
    );
    return this.toResponses(
      caller,
      named.filter((row) => rtmpUrl === undefined || row.rtmpUrl() === rtmpUrl),
      rtmpUrl,
    );
  }

  async terminate(caller: Caller, mediaSessionId: string | undefined): Promise<void> {
    const { path, id } = await this.get(caller, mediaSessionId);
    await this.transfers.remove(caller, path, id);
  }

  /** Whether the last push of a running stream to this rtmpUrl was ended on purpose. */
  async wasTerminated({ id }: PushSource, rtmpUrl: string): Promise<boolean> {
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
  private async source(caller: Caller, request: Startup & Place): Promise<PushSource> {
    const found = await findPushSources(this.sql, caller, request);
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
  private async requireNew(caller: Caller, source: PushSource, rtmpUrl: string, url: TransferUrl): Promise<void> {
    const path = { appid: source.projectId, streamId: source.id };
    const hashes = this.box.hashes(url.text);
    for (const { id, isGone, urlHash, pushUrl: sealed } of source.pushes) {
      if (isGone && hashes.includes(urlHash)) await this.transfers.remove(caller, path, id);
      else if (!isGone && this.rtmpUrl({ pushUrl: sealed, streamId: source.id }) === rtmpUrl)
        throw new ConflictException('Transponder already exists');
    }
  }

  private async get(
    caller: Caller,
    mediaSessionId: string | undefined,
  ): Promise<{ path: { appid: string; streamId: string }; id: string; sound: TransferOptions['sound'] }> {
    const [row] = mediaSessionId === undefined ? [] : await findPushes(this.prisma, caller, { mediaSessionId });
    if (row === undefined) throw new NotFoundException('Not found transponder');
    return {
      path: { appid: row.projectId, streamId: row.streamId },
      id: row.id,
      sound: (row.options as TransferOptions).sound,
    };
  }

  private rtmpUrl({ pushUrl, streamId }: Pick<Transfer, 'pushUrl' | 'streamId'>): string {
    return pushUrl === null ? '' : this.box.open(pushUrl, `push:${streamId}`);
  }

  private toPush(row: PushRow): Push {
    return {
      ...row,
      pushName: () => openTransferUrl(this.box, row).target.streamName,
      rtmpUrl: () => this.rtmpUrl(row),
    };
  }

  /** `named`: the rtmpUrl that the request itself has said. */
  private async toResponses(
    { customerId, projectId }: Caller,
    rows: Push[],
    named: string | undefined,
  ): Promise<TransponderResponse[]> {
    const live = await this.registry
      .figures<LiveFigures>(rows.map(({ streamId, ownerNode }) => ({ id: streamId, ownerNode })))
      .catch((error: unknown) => {
        if (isUnavailable(error)) return new Map<string, LiveFigures>();
        throw error;
      });
    return rows.map((row) => {
      const options = row.options as TransferOptions;
      // Its owner's programs compare these with what they sent; an operator who looks on needs no stream keys (decision 0013), and a full URL's last part is one.
      // A REST key lies open in a page: it reads no keys of the project's other pushes.
      const isOwners = row.customerId === customerId && (projectId === undefined || row.rtmpUrl() === named);
      return {
        mediaSessionId: row.mediaSessionId,
        streamName: isOwners ? row.pushName() : row.streamName,
        rtmpUrl: isOwners ? row.rtmpUrl() : row.redactedUrl,
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

/** Its publisher left between the two statements. */
function rethrowEnded(error: unknown): never {
  if (error instanceof StreamEnded) throw new NotFoundException('Stream not found');
  throw error;
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
