import { IsBoolean, IsInt, IsString, Matches, Max, Min } from 'class-validator';
import type { EntryPoint } from '#libs/db';
import { STREAM_NAME } from '#libs/transfer';
import { DeliveryResponse } from '../callback/delivery.js';
import { Describe, propertiesOf } from '../openapi/request.js';
import {
  component,
  enumOf,
  flag,
  id,
  listOf,
  orNull,
  record,
  text,
  time,
  whole,
  type Shape,
} from '../openapi/schema.js';
import { TransferOptionsResponse } from '../streams/transfers/transfer.dto.js';
import { MayBeAbsent, MayBeAbsentOrNull, STREAM_NAME_RULE } from '../http/validation.js';

/** Agora, "Update stream transfer settings"; the last two are beyond Agora. */
@Describe('Absent keeps, null clears.')
export class UpdateTransferSettings {
  @MayBeAbsent()
  @IsBoolean()
  @Describe('Whether streams of this entry point are forwarded.')
  enabled?: boolean;

  @MayBeAbsentOrNull()
  @IsString()
  @Describe('Where to ask: POST `{callbackUrl}?entry_point=&stream_name=`.')
  callbackUrl?: string | null;

  @MayBeAbsent()
  @IsBoolean()
  @Describe('While the callback fails, use the last good answer for the same stream name.')
  useLastAnswer?: boolean;

  @MayBeAbsent()
  @IsBoolean()
  @Describe(
    'A publisher that closes its connection (DTLS close_notify) without a DELETE has left: its stream ends at once. Else it is waited for as one that was lost, for a page that is loaded again closes it too.',
  )
  endsOnClose?: boolean;
}

const transferSettings = propertiesOf(UpdateTransferSettings);
export const TransferSettingsResponse = component(
  'TransferSettings',
  record({ ...transferSettings, callbackUrl: orNull(transferSettings.callbackUrl) }),
);
export type TransferSettingsResponse = Shape<typeof TransferSettingsResponse>;

export class TestTransfer {
  @MayBeAbsent()
  @Matches(STREAM_NAME, { message: STREAM_NAME_RULE })
  @Describe('As if a stream of this name began.')
  streamName = 'test';

  @MayBeAbsent()
  @IsString()
  @Describe('Instead of the stored one: to try before saving.')
  callbackUrl?: string;

  @MayBeAbsent()
  @IsBoolean()
  @Describe(
    'Connect to each URL, up to the accepted publish; nothing is sent. Each counts as a callback; those for which the quota has no room are not tried (`quota_exceeded`).',
  )
  probe = false;
}

/** A destination as a node found it. */
const ProbeResponse = component(
  'Probe',
  record({
    stage: enumOf(['address', 'tcp', 'tls', 'rtmp', 'publish', 'ok'], 'How far it came.'),
    ok: flag(),
    code: orNull(text()),
    text: text('What happened, and the way out.'),
    detail: orNull(text()),
    ms: whole(),
  }),
);
export type ProbeVerdict = Shape<typeof ProbeResponse>;

export const TestTransferResponse = component(
  'TestResult',
  record({
    delivery: DeliveryResponse,
    transfers: listOf(
      record({ element: whole(), url: text(), options: TransferOptionsResponse, probe: orNull(ProbeResponse) }),
      { description: 'What would be forwarded to.' },
    ),
    bad: listOf(record({ element: whole(), message: text() }), {
      description: 'Elements of transferUrls that would not be forwarded to.',
    }),
  }),
);
export type TestTransferResponse = Shape<typeof TestTransferResponse>;

export class RotateCallbackSecret {
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(30 * 86_400)
  @Describe('Seconds for which the secrets of now sign as well; 86400 when absent.')
  overlap = 86_400;
}

const callbackSecret = { id, createdAt: time(), expiresAt: orNull(time()) };
export const CallbackSecretResponse = component('CallbackSecret', record(callbackSecret));
export type CallbackSecretResponse = Shape<typeof CallbackSecretResponse>;

export const NewCallbackSecretResponse = component(
  'NewCallbackSecret',
  record({ ...callbackSecret, secret: text('`whsec_...` (Standard Webhooks); shown this once.') }),
);
export type NewCallbackSecretResponse = Shape<typeof NewCallbackSecretResponse>;

export const CallbackSecretsResponse = record({ secrets: listOf(CallbackSecretResponse) });
export type CallbackSecretsResponse = Shape<typeof CallbackSecretsResponse>;

export function toTransferSettingsResponse(
  row: Pick<EntryPoint, 'transferEnabled' | 'callbackUrl' | 'useLastAnswer' | 'endsOnClose'>,
): TransferSettingsResponse {
  return {
    enabled: row.transferEnabled,
    callbackUrl: row.callbackUrl,
    useLastAnswer: row.useLastAnswer,
    endsOnClose: row.endsOnClose,
  };
}
