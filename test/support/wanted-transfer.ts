import type { WantedTransfer } from '#libs/protocol';
import { type TransferOptions, TransferUrl } from '#libs/transfer';

/** A transfer as a worker wants it from a pipeline. */
export function wantedTransfer(id: string, url: string, options: TransferOptions = {}): WantedTransfer {
  return { id, target: TransferUrl.parse(url).target, url, options };
}
