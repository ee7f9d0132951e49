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
  ValidatorConstraint,
  type ValidationArguments,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { callbackUrlProblem, pushUrl, TransferError, withParameters } from '#libs/transfer';
import { IsListOf, MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';
import { Describe, propertiesOf } from '../../openapi/request.js';
import { component, flag, listOf, mapOf, omit, orNull, record, text, type Shape } from '../../openapi/schema.js';
import type { EffectivePushSettings } from './push-settings.service.js';

const MAX_SERVERS = 10;
const MAX_PARAMETERS = 20;
/** Of a stream on an RTMP server: prefix and name. */
const LONGEST_NAME = 'x'.repeat(32 + 64);

@ValidatorConstraint()
class IsServerUrl implements ValidatorConstraintInterface {
  static readonly schema = text();

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
  static readonly schema = mapOf(text());

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
  static readonly schema = text();

  validate(value: unknown): boolean {
    return typeof value === 'string' && callbackUrlProblem(value) === null && new URL(value).search === '';
  }

  defaultMessage(): string {
    return 'must be an http:// or https:// URL without a query';
  }
}

export class RepublishServerBody {
  @Validate(IsServerUrl)
  @Describe('Server and application; the stream name follows.')
  url!: string;

  @MayBeAbsent()
  @IsObject()
  @Validate(IsParameters)
  parameters?: Record<string, string>;
}

/** Flashphoner's settings by our names. */
@Describe("Absent keeps, null returns to the service's default.")
export class UpdatePushSettings {
  @MayBeAbsentOrNull()
  @IsString()
  @Matches(/^[A-Za-z0-9_.-]{0,32}$/, { message: 'must have 32 letters, digits, dots, underscores and hyphens at most' })
  @Describe('Put before the name at the RTMP server.')
  streamNamePrefix?: string | null;

  @MayBeAbsentOrNull()
  @IsBoolean()
  @Describe('The last part of rtmpUrl is the name; none is added.')
  fullUrl?: boolean | null;

  @MayBeAbsentOrNull()
  @IsBoolean()
  @Describe('Parameters of the URL go into the connect.')
  passUrlParameters?: boolean | null;

  @MayBeAbsentOrNull()
  @IsBoolean()
  @Describe('Send onMetaData.')
  sendMetadata?: boolean | null;

  @MayBeAbsentOrNull()
  @IsString()
  @Matches(/^[ -~]{1,128}$/, { message: 'must be 1 to 128 printable ASCII characters' })
  flashVersion?: string | null;

  @MayBeAbsentOrNull()
  @IsBoolean()
  @Describe('Republish every stream of this entry point to the servers below.')
  republishEnabled?: boolean | null;

  @MayBeAbsentOrNull()
  @ArrayMaxSize(MAX_SERVERS)
  @IsListOf(() => RepublishServerBody)
  republish?: RepublishServerBody[] | null;

  @MayBeAbsentOrNull()
  @IsBoolean()
  reconnect?: boolean | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(1)
  @Max(10_000)
  @Describe('In a row; null: no limit.')
  reconnectAttempts?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(100)
  @Max(600_000)
  @Describe('Null: a pause that grows.')
  reconnectIntervalMs?: number | null;

  @MayBeAbsentOrNull()
  @IsBoolean()
  bufferEnabled?: boolean | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(0)
  @Max(10_000)
  @Describe('Gathered before anything is sent, and again whenever the buffer has run empty.')
  bufferStartSizeMs?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(500)
  @Max(60_000)
  @Describe('The most that the buffer holds.')
  bufferInitialSizeMs?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(10)
  @Max(1000)
  bufferPollingTimeMs?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(-1)
  @Max(1_000_000)
  @Describe('-1: any number.')
  bufferMaxBufferings?: number | null;

  @MayBeAbsentOrNull()
  @IsIP()
  @Describe('Where RTMP connections come from.')
  localAddress?: string | null;

  @MayBeAbsentOrNull()
  @IsBoolean()
  @Describe('A page that publishes with the Web SDK may name an rtmpUrl.')
  publishersMayPush?: boolean | null;

  @MayBeAbsentOrNull()
  @Validate(IsAppUrl)
  @Describe('http:// or https://, without a query.')
  appUrl?: string | null;

  @MayBeAbsentOrNull()
  @IsString()
  @MinLength(8)
  @MaxLength(256)
  @Describe('Signs the hooks; never shown again.')
  hookSecret?: string | null;
}

const { flashVersion, reconnectAttempts, reconnectIntervalMs, localAddress, ...others } = omit(
  propertiesOf(UpdatePushSettings),
  'republish',
  'appUrl',
  'hookSecret',
);
const settingsProperties = {
  ...others,
  flashVersion: orNull(flashVersion),
  reconnectAttempts: orNull(reconnectAttempts),
  reconnectIntervalMs: orNull(reconnectIntervalMs),
  localAddress: orNull(localAddress),
};
const settingsOnly = record(settingsProperties);
/** Flashphoner's server settings for republishing, of one entry point. */
export type PushSettings = Shape<typeof settingsOnly>;

const republishServer = record({ url: text(), parameters: mapOf(text()) });
/** An RTMP server that every stream goes to; the parameters travel in RTMP's connect. */
export type RepublishServer = Shape<typeof republishServer>;

export const PushSettingsResponse = component(
  'PushSettings',
  record({
    ...settingsProperties,
    republish: listOf(republishServer, {
      description: 'URLs without credentials and parameters, parameters without values.',
    }),
    appUrl: orNull(text('Base URL of the REST hooks: `<appUrl>/connect`, `<appUrl>/publishStream` and so on.')),
    hasHookSecret: flag('Whether hooks are signed.'),
  }),
);
export type PushSettingsResponse = Shape<typeof PushSettingsResponse>;

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
