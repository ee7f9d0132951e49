import { Injectable } from '@nestjs/common';
import { hash } from 'node:crypto';
import { type EntryPoint, HotSql } from '#libs/db';
import { callbackUrlProblem } from '#libs/transfer';
import type { Caller } from '../auth/caller.js';
import { unknownEntryPoint, type EntryPointPath } from '../tenants/owned.js';
import { badRequest, refuse } from '../http/problem.js';
import type { UpdateTransferSettings } from './settings.dto.js';

/** The part of an entry point that a caller may change. */
export type SettingsRow = Pick<
  EntryPoint,
  'id' | 'projectId' | 'name' | 'transferEnabled' | 'callbackUrl' | 'useLastAnswer' | 'endsOnClose' | 'updatedAt'
>;

const COLUMNS = `e.id, e.project_id AS "projectId", e.name, e.transfer_enabled AS "transferEnabled", e.callback_url AS "callbackUrl",
  e.use_last_answer AS "useLastAnswer", e.ends_on_close AS "endsOnClose", e.updated_at AS "updatedAt"`;
/** $1 appid, $2 name; $3 the customer and $4 the only project that the caller may see, null for any: as `ownedBy`. */
const OF_CALLER = `p.id = e.project_id AND e.project_id = $1::text AND e.name = $2::text AND e.deleted_at IS NULL AND p.deleted_at IS NULL
  AND ($3::text IS NULL OR p.customer_id = $3::text) AND ($4::text IS NULL OR p.id = $4::text)`;
const FIND = { name: 'find_settings', text: `SELECT ${COLUMNS} FROM entry_points e, projects p WHERE ${OF_CALLER}` };
/** $9: only if they are as they were then; null: whatever they are. */
const UPDATE = {
  name: 'update_settings',
  text: `UPDATE entry_points e SET transfer_enabled = coalesce($5::boolean, transfer_enabled),
    callback_url = CASE WHEN $6::boolean THEN $7::text ELSE callback_url END, use_last_answer = coalesce($8::boolean, use_last_answer),
    ends_on_close = coalesce($10::boolean, ends_on_close), updated_at = clock_timestamp()
  FROM projects p WHERE ${OF_CALLER} AND ($9::timestamptz IS NULL OR e.updated_at = $9::timestamptz) RETURNING ${COLUMNS}`,
};

const ofCaller = (caller: Caller, { appid, entryPoint }: EntryPointPath): unknown[] => [
  appid,
  entryPoint,
  caller.role === 'operator' ? null : caller.customerId,
  caller.role === 'operator' ? null : (caller.projectId ?? null),
];

/** Stream transfer settings, per entry point. */
@Injectable()
export class SettingsService {
  constructor(private readonly sql: HotSql) {}

  async find(caller: Caller, path: EntryPointPath): Promise<SettingsRow> {
    const [row] = await this.sql.read<SettingsRow>(FIND, ofCaller(caller, path));
    if (row === undefined) throw unknownEntryPoint();
    return row;
  }

  /** With `ifMatch`, only if nobody has changed them since (412). */
  async update(
    caller: Caller,
    path: EntryPointPath,
    { enabled, callbackUrl, useLastAnswer, endsOnClose }: UpdateTransferSettings,
    ifMatch: string | undefined,
  ): Promise<SettingsRow> {
    if (callbackUrl != null) requireCallbackUrl(callbackUrl);
    const before = ifMatch === undefined ? undefined : await this.find(caller, path);
    if (before !== undefined && !matches(ifMatch ?? '', before)) throw changedMeanwhile();
    const [row] = await this.sql.write<SettingsRow>(`entry point ${path.appid} ${path.entryPoint}`, UPDATE, [
      ...ofCaller(caller, path),
      enabled ?? null,
      callbackUrl !== undefined,
      callbackUrl ?? null,
      useLastAnswer ?? null,
      before?.updatedAt ?? null,
      endsOnClose ?? null,
    ]);
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
}: SettingsRow): string {
  const content = JSON.stringify([transferEnabled, callbackUrl, useLastAnswer, endsOnClose, updatedAt.getTime()]);
  return `"${hash('sha256', content, 'base64url').slice(0, 22)}"`;
}

const matches = (ifMatch: string, row: SettingsRow): boolean => {
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  return tags.includes('*') || tags.includes(settingsEtag(row));
};

const changedMeanwhile = (): Error =>
  refuse(412, 'The settings were changed meanwhile.', {
    code: 'changed_meanwhile',
    detail: 'Read them again, and send If-Match with the new ETag.',
  });
