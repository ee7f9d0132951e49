import { Body, Controller, Get, Headers, HttpCode, Patch, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { CallbackSecret } from '#libs/db';
import { CurrentCaller, type Caller } from '../auth/caller.js';
import { CallbackSecrets } from '../callback/callback-secrets.js';
import { SettingsTester } from './settings-tester.js';
import {
  RotateCallbackSecret,
  TestTransfer,
  toTransferSettingsResponse,
  UpdateTransferSettings,
  type CallbackSecretResponse,
  type CallbackSecretsResponse,
  type NewCallbackSecretResponse,
  type TestTransferResponse,
  type TransferSettingsResponse,
} from './settings.dto.js';
import { settingsEtag, SettingsService } from './settings.service.js';
import { EntryPointParams, type EntryPointPath } from '../tenants/owned.js';
import { IdempotentPost } from '../http/idempotency.interceptor.js';

/** Agora's stream transfer settings, per entry point. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/settings/transfer')
export class SettingsController {
  constructor(
    private readonly settings: SettingsService,
    private readonly tester: SettingsTester,
    private readonly secrets: CallbackSecrets,
  ) {}

  @Get()
  async get(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TransferSettingsResponse> {
    const row = await this.settings.find(caller, path);
    response.setHeader('ETag', settingsEtag(row));
    return toTransferSettingsResponse(row);
  }

  @Patch()
  async update(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Body() body: UpdateTransferSettings,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TransferSettingsResponse> {
    const row = await this.settings.update(caller, path, body, ifMatch);
    response.setHeader('ETag', settingsEtag(row));
    return toTransferSettingsResponse(row);
  }

  /** Sends a real callback, marked `test=1`, and shows what would be forwarded. Forwards nothing. */
  @IdempotentPost('test')
  @HttpCode(200)
  test(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Body() body: TestTransfer,
  ): Promise<TestTransferResponse> {
    return this.tester.test(caller, path, body);
  }

  /** The secrets that sign the callbacks, without the secrets. */
  @Get('secrets')
  async listSecrets(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
  ): Promise<CallbackSecretsResponse> {
    const { id } = await this.settings.find(caller, path);
    return { secrets: (await this.secrets.list(id)).map(toSecretResponse) };
  }

  /** A new secret, shown this once. */
  @IdempotentPost('secrets/rotate')
  async rotateSecret(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Body() { overlap }: RotateCallbackSecret,
  ): Promise<NewCallbackSecretResponse> {
    const { id } = await this.settings.find(caller, path);
    const { row, secret } = await this.secrets.rotate(id, overlap);
    return { ...toSecretResponse(row), secret };
  }
}

function toSecretResponse({ id, createdAt, expiresAt }: CallbackSecret): CallbackSecretResponse {
  return { id, createdAt: createdAt.toISOString(), expiresAt: expiresAt?.toISOString() ?? null };
}
