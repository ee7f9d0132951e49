import {
  ArrayMaxSize,
  IsBoolean,
  IsInt,
  IsIP,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  Validate,
  ValidateIf,
  ValidatorConstraint,
  type ValidationArguments,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { callbackUrlProblem, pushUrl, TransferError, withParameters } from '#libs/transfer';
import { IsListOf, MayBeAbsent } from '../../http/validation.js';
import type { PushSettings, RepublishServer } from './push-settings.js';
import type { EffectivePushSettings } from './push-settings.service.js';

const MAX_SERVERS = 10;
const MAX_PARAMETERS = 20;
/** Of a stream on an RTMP server: prefix and name. */
const LONGEST_NAME = 'x'.repeat(32 + 64);

/** Null is allowed: it returns the field to the service's default. */
const MayBeNull = (): PropertyDecorator => ValidateIf((_body, value) => value != null);

@ValidatorConstraint()
class IsServerUrl implements ValidatorConstraintInterface {
  validate(value: unknown, { object }: ValidationArguments): boolean {
    if (typeof value !== 'string') return false;
    const { parameters } = object as RepublishServerBody;
    try {
      // With all that it will carry: else it fails when a stream begins, and nobody is told.
      const whole = new IsParameters().validate(parameters) ? withParameters(value, parameters ?? {}) : value;
      pushUrl(whole, LONGEST_NAME, { streamNamePrefix: '', fullUrl: false, passUrlParameters: true });
      return true;
    } catch (error) {
      if (error instanceof TransferError) return false;
      throw error;
    }
  }

  defaultMessage(): string {
    return 'must be an rtmp:// or rtmps:// URL of a server and its application, not too long with its parameters';
  }
}

@ValidatorConstraint()
class IsParameters implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    if (value !== undefined && !isFields(value)) return false;
    const entries = Object.entries(value ?? {});
    return (
      entries.length <= MAX_PARAMETERS &&
      entries.every(([name, text]) => name.length <= 64 && typeof text === 'string' && text.length <= 512)
    );
  }

  defaultMessage(): string {
    return `must have ${MAX_PARAMETERS} texts at most`;
  }
}

@ValidatorConstraint()
class IsAppUrl implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && callbackUrlProblem(value) === null && new URL(value).search === '';
  }

  defaultMessage(): string {
    return 'must be an http:// or https:// URL without a query';
  }
}

export class RepublishServerBody {
  @Validate(IsServerUrl)
  url!: string;

  @MayBeAbsent()
  @IsObject()
  @Validate(IsParameters)
  parameters?: Record<string, string>;
}

/** Flashphoner's settings by our names. Absent keeps, null returns to the service's default. */
export class UpdatePushSettings {
  @MayBeNull()
  @IsString()
  @Matches(/^[A-Za-z0-9_.-]{0,32}$/, { message: 'must have 32 letters, digits, dots, underscores and hyphens at most' })
  streamNamePrefix?: string | null;

  @MayBeNull()
  @IsBoolean()
  fullUrl?: boolean | null;

  @MayBeNull()
  @IsBoolean()
  passUrlParameters?: boolean | null;

  @MayBeNull()
  @IsBoolean()
  sendMetadata?: boolean | null;

  @MayBeNull()
  @IsString()
  @Matches(/^[ -~]{1,128}$/, { message: 'must be 1 to 128 printable ASCII characters' })
  flashVersion?: string | null;

  @MayBeNull()
  @IsBoolean()
  republishEnabled?: boolean | null;

  @MayBeNull()
  @ArrayMaxSize(MAX_SERVERS)
  @IsListOf(() => RepublishServerBody)
  republish?: RepublishServerBody[] | null;

  @MayBeNull()
  @IsBoolean()
  reconnect?: boolean | null;

  @MayBeNull()
  @IsInt()
  @Min(1)
  @Max(10_000)
  reconnectAttempts?: number | null;

  @MayBeNull()
  @IsInt()
  @Min(100)
  @Max(600_000)
  reconnectIntervalMs?: number | null;

  @MayBeNull()
  @IsBoolean()
  bufferEnabled?: boolean | null;

  @MayBeNull()
  @IsInt()
  @Min(0)
  @Max(10_000)
  bufferStartSizeMs?: number | null;

  @MayBeNull()
  @IsInt()
  @Min(500)
  @Max(60_000)
  bufferInitialSizeMs?: number | null;

  @MayBeNull()
  @IsInt()
  @Min(10)
  @Max(1000)
  bufferPollingTimeMs?: number | null;

  @MayBeNull()
  @IsInt()
  @Min(-1)
  @Max(1_000_000)
  bufferMaxBufferings?: number | null;

  @MayBeNull()
  @IsIP()
  localAddress?: string | null;

  @MayBeNull()
  @IsBoolean()
  publishersMayPush?: boolean | null;

  /** Base URL for REST hooks: `<appUrl>/connect`, `<appUrl>/publishStream` and so on. */
  @MayBeNull()
  @Validate(IsAppUrl)
  appUrl?: string | null;

  /** Signs the hooks; never shown again. */
  @MayBeNull()
  @IsString()
  @MinLength(8)
  @MaxLength(256)
  hookSecret?: string | null;
}

export interface PushSettingsResponse extends PushSettings {
  /** URLs without credentials and parameters, parameters without values. */
  republish: RepublishServer[];
  appUrl: string | null;
  /** Whether hooks are signed. */
  hasHookSecret: boolean;
}

export function toPushSettingsResponse({
  settings,
  republish,
  appUrl,
  hookSecret,
}: EffectivePushSettings): PushSettingsResponse {
  return {
    ...settings,
    republish: republish.map(({ url, parameters }) => ({
      url: redactServerUrl(url),
      parameters: Object.fromEntries(Object.keys(parameters).map((name) => [name, '***'])),
    })),
    appUrl,
    hasHookSecret: hookSecret !== null,
  };
}

/** A server's URL is a transfer's without its last part. Of one that is none (any more), nothing is shown. */
export function redactServerUrl(url: string): string {
  try {
    const whole = pushUrl(url, 'stream', { streamNamePrefix: '', fullUrl: false, passUrlParameters: true });
    return whole.masked.replace(/\/\*\*\*$/, '');
  } catch (error) {
    if (error instanceof TransferError) return '***';
    throw error;
  }
}

const isFields = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
