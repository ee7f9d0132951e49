import type { AdmissionRules } from '../../agora/stream-auth/admission.js';
import { newEtag, newSessionId } from './session-ids.js';

/** Where a publisher wants to go, with what the callback needs to know. */
export interface PublishTarget {
  customerId: string;
  projectId: string;
  entryPointId: string;
  streamName: string;
  transferEnabled: boolean;
  callbackUrl: string | null;
  /** What may keep a publisher out. */
  admission: AdmissionRules;
  /** Short hash of what opened it, where the one who asks has no request of its own to show. */
  proof?: string;
}

/** The publisher's side of a new session. */
export interface Publisher {
  offer: string;
  iceUfrag: string;
  clientIp: string | undefined;
  userAgent: string | undefined;
  /** Short hash of the publish token or signature; undefined: unknown. */
  proof?: string;
  /** The host that was asked, and `?token=` of the URL: for the customer's server that says who may publish. */
  host?: string;
  token?: string;
}

/** What the publisher gets. */
export interface Published {
  sessionId: string;
  etag: string;
  sdp: string;
}

/** The columns of the publisher's session. */
export function newSession({ offer, iceUfrag, clientIp, userAgent, proof }: Publisher) {
  return { id: newSessionId(), etag: newEtag(), offer, iceUfrag, clientIp, proof, userAgent: userAgent?.slice(0, 256) };
}
