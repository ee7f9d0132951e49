import { Injectable } from '@nestjs/common';
import { callbackRequestUrl } from '#libs/transfer';
import { CallbackClient, type Attempt } from './callback.client.js';
import { CallbackSecrets } from './callback-secrets.js';

/** What a customer's server is asked: where a stream goes. */
export interface Question {
  appid: string;
  entryPoint: string;
  streamName: string;
  /** Null when no stream runs: settings are tested. */
  streamId: string | null;
  /** RFC 3339. */
  startedAt: string;
  test?: true;
}

/** Sends callbacks, signed with the entry point's secrets. */
@Injectable()
export class CallbackSender {
  constructor(
    private readonly client: CallbackClient,
    private readonly secrets: CallbackSecrets,
  ) {}

  /** One attempt; `webhookId` is the same for each attempt of one callback. `sealedSecrets`: as in CallbackSecrets.headers. */
  async send(
    callbackUrl: string,
    entryPoint: { id: string; sealedSecrets?: string[] },
    webhookId: string,
    question: Question,
  ): Promise<Attempt> {
    const payload = JSON.stringify(question);
    const headers = await this.secrets.headers(entryPoint.id, webhookId, payload, entryPoint.sealedSecrets);
    const url = callbackRequestUrl(callbackUrl, question.entryPoint, question.streamName);
    return this.client.post(question.test === true ? `${url}&test=1` : url, payload, headers);
  }
}
