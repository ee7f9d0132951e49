import { TransferUrl } from '#libs/transfer';
import type { SecretBox } from './secret-box.js';

/** The context that a transfer's URL is sealed with. */
const context = (streamId: string): string => `transfer:${streamId}`;

/** The columns of a transfer that hold its URL: sealed, masked, and as a hash that finds equal ones. */
export const sealedTransfer = (
  box: SecretBox,
  streamId: string,
  url: TransferUrl,
): { url: string; redactedUrl: string; urlHash: string } => ({
  url: box.seal(url.text, context(streamId)),
  redactedUrl: url.masked,
  urlHash: box.hash(url.text),
});

/** The URL of a transfer's row, which was judged before it was sealed. Throws as SecretBox.open does. */
export const openTransferUrl = (box: SecretBox, { streamId, url }: { streamId: string; url: string }): TransferUrl =>
  TransferUrl.revive(box.open(url, context(streamId)));
