import type { ReasonCode, TransferTarget } from '#libs/transfer';
import type { Status } from './status.js';
import { withoutSecrets } from './without-secrets.js';

/** A publish is refused. Some servers say so at a level that is not `error`. */
export const REFUSES =
  /^NetStream\.Publish\.(BadName|Denied|Unauthori[sz]ed|Rejected|Failed)$|^NetConnection\.Connect\.(Closed|Rejected|Failed|AppShutdown|InvalidApp)$/;
/** What a server says of its recording, or of those who watch, is not about the publish. */
const ASIDE = /^NetStream\.(Record|Play|Seek|Data)\./;
/** What was asked for is refused, or is to be had elsewhere. */
export const isRefusal = ({ level, code, redirect }: Status): boolean =>
  redirect !== null || REFUSES.test(code) || (level === 'error' && !ASIDE.test(code));
/** A publish that was accepted ends. */
export const isEnd = (status: Status): boolean => isRefusal(status) || status.code.startsWith('NetStream.Unpublish.');

/** The reason of a transfer whose connect or publish was refused with this status. */
export function refusalCode({ code, description }: Status, target: TransferTarget): ReasonCode {
  if (code.startsWith('NetConnection.Connect.'))
    return code === 'NetConnection.Connect.Closed' ? 'closed_by_platform' : 'connect_rejected';
  if (code !== 'NetStream.Publish.BadName') return 'publish_denied';
  // nginx-rtmp says BadName for a name in use; others for a key they do not know. The name itself must not decide.
  const text = withoutSecrets(description, target);
  return /denied|invalid|unauthori|not (found|allowed)/i.test(text) && !/already|in use|busy/i.test(text)
    ? 'publish_denied'
    : 'stream_name_in_use';
}
