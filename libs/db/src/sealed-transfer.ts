import { redactTransferUrl } from '#libs/transfer';
import type { SecretBox } from './secret-box.js';

/** The context that a transfer's URL is sealed with. */
const context = (streamId: string): string => `transfer:${streamId}`;

/** The columns of a transfer that hold its URL: sealed, masked, and as a hash that finds equal ones. */
export const sealedTransfer = (
  box: SecretBox,
  streamId: string,
  url: string,
): { url: string; redactedUrl: string; urlHash: string } => ({
  url: box.seal(url, context(streamId)),
  redactedUrl: redactTransferUrl(url),
  urlHash: box.hash(url),
});

/** The whole URL of a transfer's row. Throws as SecretBox.open does. */
export const openTransferUrl = (box: SecretBox, { streamId, url }: { streamId: string; url: string }): string =>
  box.open(url, context(streamId));
