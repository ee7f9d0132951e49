import type { Env } from '#libs/config';
import type { TransferOptions } from '#libs/transfer';
import type { PushSettings, RepublishServer } from './push-settings.dto.js';

/** What holds where an entry point says nothing. */
export function defaultPushSettings(env: Env): PushSettings {
  return {
    streamNamePrefix: env.PUSH_STREAM_NAME_PREFIX === '-' ? '' : env.PUSH_STREAM_NAME_PREFIX,
    fullUrl: env.PUSH_FULL_URL,
    passUrlParameters: env.PUSH_PASS_URL_PARAMETERS,
    sendMetadata: env.PUSH_SEND_METADATA,
    flashVersion: env.PUSH_FLASH_VERSION ?? null,
    republishEnabled: true,
    reconnect: env.PUSH_RECONNECT,
    reconnectAttempts: env.PUSH_RECONNECT_ATTEMPTS || null,
    reconnectIntervalMs: env.PUSH_RECONNECT_INTERVAL_MS || null,
    bufferEnabled: env.PUSH_BUFFER,
    bufferStartSizeMs: env.PUSH_BUFFER_START_SIZE_MS,
    bufferInitialSizeMs: env.PUSH_BUFFER_INITIAL_SIZE_MS,
    bufferPollingTimeMs: env.PUSH_BUFFER_POLLING_TIME_MS,
    bufferMaxBufferings: env.PUSH_BUFFER_MAX_BUFFERINGS,
    localAddress: env.PUSH_LOCAL_ADDRESS ?? null,
    publishersMayPush: env.PUSH_BY_PUBLISHERS,
  };
}

/** The service's own servers to republish to. */
export function defaultRepublish(env: Env): RepublishServer[] {
  const urls = env.PUSH_REPUBLISH_URLS.split(',').map((url) => url.trim());
  return urls.filter((url) => url !== '').map((url) => ({ url, parameters: {} }));
}

/** The servers that a row keeps, as JSON. What is no server is left out: a row from before a check was there must not break everything that reads it. */
export function readServers(json: string): RepublishServer[] {
  const list: unknown = JSON.parse(json);
  if (!Array.isArray(list)) return [];
  return list.flatMap((element: unknown) => {
    const { url, parameters = {} } = (element ?? {}) as { url?: unknown; parameters?: unknown };
    if (typeof url !== 'string' || typeof parameters !== 'object' || parameters === null) return [];
    const texts = Object.entries(parameters).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return [{ url, parameters: Object.fromEntries(texts) }];
  });
}

/** As transfers without these settings have it. */
const LEAST_BUFFER_MAX_MS = 4000;

/** The settings as a transfer's options; what is as transfers are anyway stays out. */
export function pushOptions(settings: PushSettings): TransferOptions {
  const { flashVersion, localAddress, reconnectIntervalMs } = settings;
  const attempts = settings.reconnect ? settings.reconnectAttempts : 0;
  const buffer = {
    bufferStartMs: settings.bufferStartSizeMs,
    // Never less patience with a slow server than without a buffer.
    bufferMaxMs: Math.max(settings.bufferInitialSizeMs, settings.bufferStartSizeMs, LEAST_BUFFER_MAX_MS),
    bufferPollMs: settings.bufferPollingTimeMs,
    ...(settings.bufferMaxBufferings < 0 ? {} : { bufferRefills: settings.bufferMaxBufferings }),
  };
  return {
    ...(flashVersion === null ? {} : { flashVer: flashVersion }),
    ...(settings.sendMetadata ? {} : { sendMetadata: false }),
    ...(attempts === null ? {} : { reconnectAttempts: attempts }),
    ...(reconnectIntervalMs === null ? {} : { reconnectIntervalMs }),
    ...(settings.bufferEnabled ? buffer : {}),
    ...(localAddress === null ? {} : { localAddress }),
  };
}
