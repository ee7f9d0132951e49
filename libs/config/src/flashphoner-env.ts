import 'reflect-metadata';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsInt, IsIP, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { flag } from './flag.js';

/** Flashphoner's server settings: defaults for every entry point. docs/flashphoner.md has the vendor's names. */
export class FlashphonerEnv {
  /** Listener of its own for /rest-api, as WCS has one (8081); 0: none. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65535)
  FLASHPHONER_PORT = 0;
  /** Listener of its own for the Web SDK's WebSocket (8080); 0: none. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65535)
  FLASHPHONER_WS_PORT = 0;
  /** Sockets of one address at the same time in each API process; 0: no limit. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  FLASHPHONER_WS_SOCKETS_PER_ADDRESS = 100;
  /** A socket that has brought no valid publish token within this is closed, ms. */
  @Type(() => Number)
  @IsInt()
  @Min(1000)
  @Max(600_000)
  FLASHPHONER_WS_TOKEN_WITHIN_MS = 15_000;

  /** A hyphen alone: no prefix. */
  @Matches(/^(-|[A-Za-z0-9_.-]{1,32})$/)
  PUSH_STREAM_NAME_PREFIX = 'rtmp_';
  @Transform(flag)
  @IsBoolean()
  PUSH_FULL_URL = false;
  @Transform(flag)
  @IsBoolean()
  PUSH_PASS_URL_PARAMETERS = true;
  @Transform(flag)
  @IsBoolean()
  PUSH_SEND_METADATA = true;
  @IsOptional()
  @Matches(/^[ -~]{1,128}$/)
  PUSH_FLASH_VERSION?: string;
  /** Pages that publish with the Web SDK may name an rtmpUrl to push their stream to. */
  @Transform(flag)
  @IsBoolean()
  PUSH_BY_PUBLISHERS = true;
  /** RTMP servers to republish every stream of every entry point to, comma separated. */
  @IsString()
  PUSH_REPUBLISH_URLS = '';
  @Transform(flag)
  @IsBoolean()
  PUSH_RECONNECT = true;
  /** Attempts in a row; 0: no limit. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(10_000)
  PUSH_RECONNECT_ATTEMPTS = 0;
  /** 0: a pause that grows with each failure. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(600_000)
  PUSH_RECONNECT_INTERVAL_MS = 0;
  @Transform(flag)
  @IsBoolean()
  PUSH_BUFFER = false;
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(10_000)
  PUSH_BUFFER_START_SIZE_MS = 300;
  @Type(() => Number)
  @IsInt()
  @Min(500)
  @Max(60_000)
  PUSH_BUFFER_INITIAL_SIZE_MS = 2000;
  @Type(() => Number)
  @IsInt()
  @Min(10)
  @Max(1000)
  PUSH_BUFFER_POLLING_TIME_MS = 50;
  /** -1: no limit. */
  @Type(() => Number)
  @IsInt()
  @Min(-1)
  @Max(1_000_000)
  PUSH_BUFFER_MAX_BUFFERINGS = -1;
  /** Local address that pushes go out from; an entry point may name another of PUSH_LOCAL_ADDRESSES. */
  @IsOptional()
  @IsIP()
  PUSH_LOCAL_ADDRESS?: string;
  /** Comma separated. */
  @Matches(/^([0-9A-Fa-f.:]+(,[0-9A-Fa-f.:]+)*)?$/)
  PUSH_LOCAL_ADDRESSES = '';
}
