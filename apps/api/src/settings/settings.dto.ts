import { IsBoolean, IsInt, IsString, Matches, Max, Min } from 'class-validator';
import type { EntryPoint } from '#libs/db';
import { STREAM_NAME } from '#libs/transfer';
import type { DeliveryResponse } from '../callback/delivery.js';
import { MayBeAbsent, MayBeAbsentOrNull, STREAM_NAME_RULE } from '../http/validation.js';

/** Agora, "Update stream transfer settings". Absent keeps, null clears. */
export class UpdateTransferSettings {
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  @MayBeAbsentOrNull()
  @IsString()
  callbackUrl?: string | null;

  /** Beyond Agora: while the callback fails, the last good answer for the same stream name is used. */
  @MayBeAbsent()
  @IsBoolean()
  useLastAnswer?: boolean;

  /** Beyond Agora: a publisher that closes its connection without a DELETE has left; else it is waited for. */
  @MayBeAbsent()
  @IsBoolean()
  endsOnClose?: boolean;
}

export interface TransferSettingsResponse {
  enabled: boolean;
  callbackUrl: string | null;
  useLastAnswer: boolean;
  endsOnClose: boolean;
}

export class TestTransfer {
  /** As if a stream of this name began. */
  @MayBeAbsent()
  @Matches(STREAM_NAME, { message: STREAM_NAME_RULE })
  streamName = 'test';

  /** Instead of the stored one: to try before saving. */
  @MayBeAbsent()
  @IsString()
  callbackUrl?: string;

  /** Connect to each URL, up to the accepted publish; nothing is sent. */
  @MayBeAbsent()
  @IsBoolean()
  probe = false;
}

/** A destination as a node found it. */
export interface ProbeVerdict {
  /** How far it came: address, tcp, tls, rtmp, publish, or ok. */
  stage: string;
  ok: boolean;
  code: string | null;
  /** What happened and the way out. */
  text: string;
  detail: string | null;
  ms: number;
}

export interface TestTransferResponse {
  delivery: DeliveryResponse;
  /** What would be forwarded to. */
  transfers: { element: number; url: string; options: object; probe: ProbeVerdict | null }[];
  /** What would not, and why. */
  bad: { element: number; message: string }[];
}

export class RotateCallbackSecret {
  /** Seconds for which the secrets of now sign as well. */
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(30 * 86_400)
  overlap = 86_400;
}

export interface CallbackSecretResponse {
  id: string;
  createdAt: string;
  expiresAt: string | null;
}

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
