import 'reflect-metadata';
import { plainToInstance, Transform, Type } from 'class-transformer';
import {
  getMetadataStorage,
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  Min,
  MinLength,
  validateSync,
} from 'class-validator';
import { hostname } from 'node:os';
import { flag } from './flag.js';
import { FlashphonerEnv } from './flashphoner-env.js';
import { readSecrets } from './secret-files.js';

const URL_OPTIONS = { require_tld: false, require_protocol: true };

/** Every setting of every process, with its default. `.env.example` says what each means. */
export class Env extends FlashphonerEnv {
  // Where the truth lives
  @IsUrl({ ...URL_OPTIONS, protocols: ['postgres', 'postgresql'] })
  DATABASE_URL!: string;
  @IsUrl({ ...URL_OPTIONS, protocols: ['redis', 'rediss'] })
  REDIS_URL!: string;
  /** Prefix of every Redis key and channel: two installations can share one Redis. */
  @Matches(/^[A-Za-z0-9_-]{1,40}$/)
  REDIS_PREFIX = 'manycast';
  /** Comma separated `<id>:<base64 of 32 bytes>`; the first encrypts, all decrypt. */
  @Matches(/^[A-Za-z0-9_-]{1,16}:[A-Za-z0-9+/]{43}=(,[A-Za-z0-9_-]{1,16}:[A-Za-z0-9+/]{43}=)*$/, {
    message: 'MASTER_KEYS must be <id>:<base64 of 32 bytes>, comma separated (make one: openssl rand -base64 32)',
  })
  MASTER_KEYS!: string;

  // API
  @IsString()
  LISTEN_ADDRESS = '0.0.0.0';
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65535)
  PORT = 3000;
  /** How clients reach the API, when that differs from what the request says. */
  @IsOptional()
  @IsUrl(URL_OPTIONS)
  PUBLIC_URL?: string;
  /** Number of reverse proxies in front of the API whose X-Forwarded-For is believed. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(10)
  TRUSTED_PROXIES = 0;
  /** Refuse WHIP PATCH without If-Match (RFC 9725 says 428); off because medooze's and Eyevinn's clients never send it. */
  @Transform(flag)
  @IsBoolean()
  WHIP_STRICT_ETAG = false;
  /** How long the API waits for a worker's SDP answer before 504, ms. */
  @Type(() => Number)
  @IsInt()
  @Min(1000)
  @Max(30_000)
  ANSWER_TIMEOUT_MS = 5000;

  /** The built dashboard. */
  @IsString()
  @MinLength(1)
  DASHBOARD_DIR = 'dist/apps/dashboard';
  /** Requests per second and credential before 429; 0: no limit. Agora's is 50. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  REQUESTS_PER_SECOND = 50;
  /** POST, PATCH and DELETE of WHIP, per second and publisher's address (of IPv6: network of 64 bits), over ten seconds, before 429; 0: no limit. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  WHIP_ADDRESS_REQUESTS_PER_SECOND = 20;
  /** The same for each entry point. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  WHIP_ENTRY_POINT_REQUESTS_PER_SECOND = 200;
  /** Sessions of a customer at the same time from which no media has come yet, before 429; 0: no limit. Each holds a slot of a node. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  WHIP_UNCONNECTED_PER_CUSTOMER = 20;
  /** The same of one publish token. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  WHIP_UNCONNECTED_PER_TOKEN = 10;
  /** Wrong secrets from one address for one customer ID, per minute, before it is not heard any more. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  LOGIN_FAILURES_PER_MINUTE = 10;
  /** Bearer token that may read /metrics; without one, only operators may. */
  @IsOptional()
  @MinLength(16)
  METRICS_TOKEN?: string;

  // What each customer may have, unless its own quotas say otherwise
  @Type(() => Number)
  @IsInt()
  @Min(0)
  QUOTA_PROJECTS = 100;
  /** In each project. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  QUOTA_ENTRY_POINTS = 100;
  /** At the same time. Half of a node's slots: one customer does not fill it. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  QUOTA_STREAMS = 20;
  /** At the same time. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(50)
  QUOTA_TRANSFERS_PER_STREAM = 50;
  @Type(() => Number)
  @IsInt()
  @Min(1)
  QUOTA_CALLBACKS_PER_MINUTE = 600;

  // How long things are kept, days
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(3650)
  KEEP_DELIVERIES_DAYS = 30;
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(3650)
  KEEP_EVENTS_DAYS = 90;
  /** Of streams that have ended, with their transfers. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(3650)
  KEEP_STREAMS_DAYS = 365;

  // Callbacks
  /** One callback attempt, from the first DNS question to the last byte of the answer, ms. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(60_000)
  CALLBACK_TIMEOUT_MS = 10_000;
  /** The question whether a publisher may publish, which waits for it, ms. OBS gives up after 8 s. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(60_000)
  STREAM_AUTH_TIMEOUT_MS = 5000;
  /** Hosts, host:port or CIDRs, comma separated, that callbacks and transfers may reach though they are not public. */
  @IsString()
  ALLOWED_PRIVATE_HOSTS = '';
  /** The same of hosts that are ours though they are public (a load balancer, say), and may not be reached; those of this machine and of the other variables are known. */
  @IsString()
  OWN_ADDRESSES = '';

  // Worker
  @Matches(/^[A-Za-z0-9._-]{1,64}$/)
  NODE_ID =
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 64) || 'node';
  /** Streams this node runs at most. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  NODE_SLOTS = 40;
  /** Pipeline processes kept ready, so that an answer needs no process start. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(16)
  WARM_PIPELINES = 2;
  /** Memory that one pipeline may use (its resident set), MB; the worker ends one that uses more. A stream takes 80, each picture of its own that a transfer wishes for up to 100. */
  @Type(() => Number)
  @IsInt()
  @Min(256)
  @Max(1_000_000)
  PIPELINE_MEMORY_MB = 1536;
  /** Directory of the pipelines' control sockets; a worker that restarts adopts the pipelines it finds here. */
  @IsString()
  @MinLength(1)
  RUN_DIR = '.manycast/run';
  /** Sound files, one folder for each project (its appid); API and workers see the same. */
  @IsString()
  @MinLength(1)
  MEDIA_DIR = '.manycast/media';
  /** Comma separated addresses offered to publishers as ICE host candidates; empty: every local one. */
  @IsString()
  MEDIA_ADDRESSES = '';
  @Type(() => Number)
  @IsInt()
  @Min(1024)
  @Max(65535)
  MEDIA_PORT_MIN = 40_000;
  @Type(() => Number)
  @IsInt()
  @Min(1024)
  @Max(65535)
  MEDIA_PORT_MAX = 49_999;
  /** STUN server for nodes behind a NAT, `stun://host:port`. */
  @IsOptional()
  @Matches(/^stun:\/\/[^\s]+$/)
  STUN_SERVER?: string;
  /** How long a stream whose publisher vanished keeps its outputs open for a reconnect, ms. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_800_000)
  RECONNECT_WINDOW_MS = 15_000;
  /** A publisher that sends nothing for so long counts as vanished, ms. */
  @Type(() => Number)
  @IsInt()
  @Min(1000)
  @Max(60_000)
  MEDIA_TIMEOUT_MS = 5000;
  /** A key frame is asked for this often, ms; 0 leaves it to the publisher. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(30_000)
  KEYFRAME_INTERVAL_MS = 2000;
  /** How long a worker that is told to end waits for its streams to end by themselves, ms. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(86_400_000)
  DRAIN_MS = 0;
  /** Life of a node's lease on its streams, ms; renewed at a third of it. */
  @Type(() => Number)
  @IsInt()
  @Min(1500)
  @Max(120_000)
  LEASE_MS = 6000;
  /** A pipeline that no worker controls ends after this, ms; only later does the API declare its stream lost. */
  @Type(() => Number)
  @IsInt()
  @Min(1000)
  @Max(3_600_000)
  ORPHAN_TIMEOUT_MS = 60_000;

  // Both
  @Matches(/^(trace|debug|info|warn|error|silent)$/)
  LOG_LEVEL = 'info';
}

/** Every variable that `Env` has: each bears a decorator, also those without a default. */
export function variableNames(): string[] {
  const decorated = getMetadataStorage().getTargetValidationMetadatas(Env, '', false, false);
  return [...new Set(decorated.map(({ propertyName }) => propertyName))];
}

/** Reads and checks the environment; throws one error that names every bad variable. */
export function loadEnv(source: NodeJS.ProcessEnv = process.env): Env {
  const known = variableNames();
  const secrets = readSecrets(source);
  const given = Object.fromEntries(
    known.filter((name) => source[name] !== undefined && source[name] !== '').map((name) => [name, source[name]]),
  );
  Object.assign(given, secrets.values);
  const env = plainToInstance(Env, given, { exposeDefaultValues: true });
  const problems = [
    ...secrets.problems,
    ...validateSync(env).flatMap((error) => Object.values(error.constraints ?? {})),
  ];
  if (env.MEDIA_PORT_MIN > env.MEDIA_PORT_MAX) problems.push('MEDIA_PORT_MIN must not be above MEDIA_PORT_MAX');
  if (problems.length > 0) {
    throw new Error(`The environment is not usable (see .env.example):\n  ${problems.join('\n  ')}`);
  }
  return env;
}
