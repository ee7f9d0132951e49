import { Injectable, Logger } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type Prisma, sealedTransfer, SecretBox } from '#libs/db';
import { pushUrl, TransferError, withParameters } from '#libs/transfer';
import type { FirstTransfer } from '../../streams/publish/begin-stream.js';
import { newMediaSessionId } from '../rest/media-session-id.js';
import { pushOptions } from './push-settings.js';
import { redactServerUrl } from './push-settings.dto.js';
import type { EffectivePushSettings } from './push-settings.service.js';

/** Flashphoner's automatic republishing: every stream of an entry point goes to its fixed RTMP servers, from its first moment. */
@Injectable()
export class AutoRepublish {
  private readonly logger = new Logger(AutoRepublish.name);

  constructor(private readonly box: SecretBox) {}

  /** The transfers of a stream that begins, at most `permitted`. `note` writes what else is to be said of them, once the stream has begun. */
  transfersOf(
    stream: { id: string; name: string },
    { settings, republish }: EffectivePushSettings,
    permitted: number,
  ): { transfers: FirstTransfer[]; note: () => void } {
    if (!settings.republishEnabled) return { transfers: [], note: () => undefined };
    const faults: string[] = [];
    const options = pushOptions(settings) as Prisma.InputJsonObject;
    const transfers = republish.flatMap(({ url: server, parameters }) => {
      try {
        // The push API tells its rtmpUrl, and these are not for whoever may ask it: they may be the operator's own.
        const url = pushUrl(withParameters(server, parameters), stream.name, {
          ...settings,
          fullUrl: false,
          passUrlParameters: true,
        });
        const shown = this.box.seal(redactServerUrl(server), `push:${stream.id}`);
        const columns = { id: uuidv7(), origin: 'push', mediaSessionId: newMediaSessionId(), pushUrl: shown, options };
        return [{ ...columns, ...sealedTransfer(this.box, stream.id, url) }];
      } catch (error) {
        // What an entry point names was looked at when it was set; this is the operator's own.
        if (!(error instanceof TransferError)) throw error;
        faults.push(`PUSH_REPUBLISH_URLS: ${error.message}`);
        return [];
      }
    });
    const note = (): void => {
      for (const fault of faults) this.logger.error(fault);
      if (transfers.length > permitted)
        this.logger.log(
          `stream ${stream.id}: ${transfers.length} servers to republish to, ${permitted} transfers permitted`,
        );
    };
    return { transfers: transfers.slice(0, permitted), note };
  }
}
