import { Injectable, Logger } from '@nestjs/common';
import { type Prisma, sealedTransfer, SecretBox, type Stream } from '#libs/db';
import { pushUrl, TransferError, withParameters } from '#libs/transfer';
import { QuotaService } from '../../tenants/customer/quotas.js';
import { newMediaSessionId } from '../rest/media-session-id.js';
import { pushOptions } from './push-settings.js';
import { redactServerUrl } from './push-settings.dto.js';
import type { EffectivePushSettings } from './push-settings.service.js';

/** Flashphoner's automatic republishing: every stream of an entry point goes to its fixed RTMP servers, from its first moment. */
@Injectable()
export class AutoRepublish {
  private readonly logger = new Logger(AutoRepublish.name);

  constructor(
    private readonly box: SecretBox,
    private readonly quotas: QuotaService,
  ) {}

  /** In the transaction that makes the stream: who claims it finds its transfers. */
  async begin(
    tx: Prisma.TransactionClient,
    stream: Stream,
    { settings, republish }: EffectivePushSettings,
  ): Promise<void> {
    if (!settings.republishEnabled || republish.length === 0) return;
    const options = pushOptions(settings) as Prisma.InputJsonObject;
    const data = republish.flatMap(({ url: server, parameters }) => {
      try {
        // The push API tells its rtmpUrl, and these are not for whoever may ask it: they may be the operator's own.
        const url = pushUrl(withParameters(server, parameters), stream.name, {
          ...settings,
          fullUrl: false,
          passUrlParameters: true,
        });
        const columns = {
          streamId: stream.id,
          origin: 'push',
          mediaSessionId: newMediaSessionId(),
          ...sealedTransfer(this.box, stream.id, url),
        };
        return [{ ...columns, pushUrl: this.box.seal(redactServerUrl(server), `push:${stream.id}`), options }];
      } catch (error) {
        // What an entry point names was looked at when it was set; this is the operator's own.
        if (!(error instanceof TransferError)) throw error;
        this.logger.error(`PUSH_REPUBLISH_URLS: ${error.message}`);
        return [];
      }
    });
    if (data.length === 0) return;
    const { transfersPerStream } = (await this.quotas.ofProject(stream.projectId, tx)).quotas;
    if (data.length > transfersPerStream)
      this.logger.log(
        `stream ${stream.id}: ${data.length} servers to republish to, ${transfersPerStream} transfers permitted`,
      );
    await tx.transfer.createMany({ data: data.slice(0, transfersPerStream), skipDuplicates: true });
  }
}
