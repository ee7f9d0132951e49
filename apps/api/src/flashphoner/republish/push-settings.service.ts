import { Injectable } from '@nestjs/common';
import { Env } from '#libs/config';
import { type Prisma, PrismaService, type PushSettings as StoredPushSettings, SecretBox } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { type EntryPointPath, requireEntryPoint } from '../../tenants/owned.js';
import { badRequest } from '../../http/problem.js';
import { defaultPushSettings, defaultRepublish, readServers } from './push-settings.js';
import {
  toPushSettingsResponse,
  type PushSettings,
  type PushSettingsResponse,
  type RepublishServer,
  type UpdatePushSettings,
} from './push-settings.dto.js';

/** The settings of an entry point as they hold, secrets opened: for the service's own use only. */
export interface EffectivePushSettings {
  settings: PushSettings;
  republish: RepublishServer[];
  appUrl: string | null;
  hookSecret: string | null;
}

/** What is kept of them, secrets sealed. */
export type PushSettingsRow = Pick<StoredPushSettings, 'settings' | 'republish' | 'appUrl' | 'hookSecret'>;

/** Reads and changes the push settings of entry points. */
@Injectable()
export class PushSettingsService {
  private readonly defaults: PushSettings;
  private readonly defaultServers: RepublishServer[];
  private readonly localAddresses: Set<string>;

  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    env: Env,
  ) {
    this.defaults = defaultPushSettings(env);
    this.defaultServers = defaultRepublish(env);
    this.localAddresses = new Set(env.PUSH_LOCAL_ADDRESSES.split(',').filter((address) => address !== ''));
  }

  async of(entryPointId: string): Promise<EffectivePushSettings> {
    return this.effective(entryPointId, await this.prisma.pushSettings.findUnique({ where: { entryPointId } }));
  }

  /** As they hold, of an entry point with that row. */
  effective(entryPointId: string, row: PushSettingsRow | null): EffectivePushSettings {
    const open = (sealed: string | null | undefined, context: string): string | null =>
      sealed == null ? null : this.box.open(sealed, `${context}:${entryPointId}`);
    const republish = open(row?.republish, 'republish');
    return {
      settings: { ...this.defaults, ...(row?.settings as Partial<PushSettings> | undefined) },
      republish: republish === null ? this.defaultServers : readServers(republish),
      appUrl: row?.appUrl ?? null,
      hookSecret: open(row?.hookSecret, 'hook-secret'),
    };
  }

  async get(caller: Caller, path: EntryPointPath): Promise<PushSettingsResponse> {
    const { id } = await requireEntryPoint(this.prisma, caller, path);
    return toPushSettingsResponse(await this.of(id));
  }

  /** Absent keeps, null returns to the service's default. */
  async update(caller: Caller, path: EntryPointPath, body: UpdatePushSettings): Promise<PushSettingsResponse> {
    const { republish, appUrl, hookSecret, ...changes } = body;
    if (changes.localAddress != null && !this.localAddresses.has(changes.localAddress)) {
      throw badRequest([
        {
          field: 'localAddress',
          message: 'must be one of the addresses that the operator permits (PUSH_LOCAL_ADDRESSES)',
        },
      ]);
    }
    const { id: entryPointId } = await requireEntryPoint(this.prisma, caller, path);
    const seal = (plain: string | null | undefined, context: string) =>
      plain == null ? plain : this.box.seal(plain, `${context}:${entryPointId}`);
    const columns = {
      republish: seal(
        republish == null
          ? republish
          : JSON.stringify(republish.map(({ url, parameters }) => ({ url, parameters: parameters ?? {} }))),
        'republish',
      ),
      hookSecret: seal(hookSecret, 'hook-secret'),
      appUrl,
    };
    await this.prisma.$transaction(async (tx) => {
      await tx.pushSettings.upsert({ where: { entryPointId }, create: { entryPointId }, update: {} });
      // Two changes at once must not lose one of them.
      const [row] = await tx.$queryRaw<
        { settings: object }[]
      >`SELECT settings FROM push_settings WHERE entry_point_id = ${entryPointId}::uuid FOR UPDATE`;
      const given = Object.entries(changes).filter(([, value]) => value !== undefined);
      const settings = Object.fromEntries(
        Object.entries({ ...row?.settings, ...Object.fromEntries(given) }).filter(([, value]) => value !== null),
      );
      await tx.pushSettings.update({
        where: { entryPointId },
        data: { settings: settings as Prisma.InputJsonObject, ...columns },
      });
    });
    return toPushSettingsResponse(await this.of(entryPointId));
  }
}
