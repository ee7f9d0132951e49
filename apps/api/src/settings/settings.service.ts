import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { PrismaService, type EntryPoint } from '#libs/db';
import { callbackUrlProblem } from '#libs/transfer';
import type { Caller } from '../auth/caller.js';
import { namedEntryPoint, requireEntryPoint, unknownEntryPoint, type EntryPointPath } from '../tenants/owned.js';
import { badRequest, refuse } from '../http/problem.js';
import type { UpdateTransferSettings } from './settings.dto.js';

/** Stream transfer settings, per entry point. */
@Injectable()
export class SettingsService {
  constructor(private readonly prisma: PrismaService) {}

  find(caller: Caller, path: EntryPointPath): Promise<EntryPoint> {
    return requireEntryPoint(this.prisma, caller, path);
  }

  /** With `ifMatch`, only if nobody has changed them since (412). */
  async update(
    caller: Caller,
    path: EntryPointPath,
    { enabled, callbackUrl, useLastAnswer, endsOnClose }: UpdateTransferSettings,
    ifMatch: string | undefined,
  ): Promise<EntryPoint> {
    if (callbackUrl != null) requireCallbackUrl(callbackUrl);
    const of = namedEntryPoint(caller, path);
    const before = ifMatch === undefined ? undefined : await this.find(caller, path);
    if (before !== undefined && !matches(ifMatch ?? '', before)) throw changedMeanwhile();
    const [row] = await this.prisma.entryPoint.updateManyAndReturn({
      where: before === undefined ? of : { ...of, updatedAt: before.updatedAt },
      data: { transferEnabled: enabled, callbackUrl, useLastAnswer, endsOnClose },
    });
    if (row === undefined) throw before === undefined ? unknownEntryPoint() : changedMeanwhile();
    return row;
  }
}

/** Throws 400 for what cannot be called at all. */
export function requireCallbackUrl(url: string): void {
  const problem = callbackUrlProblem(url);
  if (problem !== null) throw badRequest([{ field: 'callbackUrl', message: problem }]);
}

/** The settings' entity tag (RFC 9110, section 8.8.3). */
export function settingsEtag({
  transferEnabled,
  callbackUrl,
  useLastAnswer,
  endsOnClose,
  updatedAt,
}: EntryPoint): string {
  const content = JSON.stringify([transferEnabled, callbackUrl, useLastAnswer, endsOnClose, updatedAt.getTime()]);
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
}

const matches = (ifMatch: string, row: EntryPoint): boolean => {
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  return tags.includes('*') || tags.includes(settingsEtag(row));
};

const changedMeanwhile = (): Error =>
  refuse(412, 'The settings were changed meanwhile.', {
    code: 'changed_meanwhile',
    detail: 'Read them again, and send If-Match with the new ETag.',
  });
