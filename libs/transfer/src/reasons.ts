/** Whose fault a failure is: the first question of everybody who reads one. */
export type Blame = 'platform' | 'customer' | 'publisher' | 'operator' | 'service' | 'nobody';

/**
 * What the service does about it: `fast` tries again in seconds, `slow` in a minute and more (the platform said no, and
 * asking often would make it worse), `never` waits for somebody to change something.
 */
export type RetryClass = 'fast' | 'slow' | 'never';

export interface Reason {
  blame: Blame;
  retry: RetryClass;
  /** What happened and the way out, in a sentence; holds no data of the case. */
  text: string;
}

/** Every reason code that streams, transfers and callbacks can have. Codes are contract: never renamed, only added. */
export const REASONS = {
  // Transfers
  url_invalid: {
    blame: 'customer',
    retry: 'never',
    text: 'The transfer URL is not a usable rtmp:// or rtmps:// URL; correct it.',
  },
  dns_failed: {
    blame: 'customer',
    retry: 'fast',
    text: 'The host of the transfer URL has no address; check its spelling.',
  },
  address_forbidden: {
    blame: 'customer',
    retry: 'never',
    text: 'The host leads to a private or reserved address; only public ones may be reached, unless the operator permits others.',
  },
  tcp_refused: {
    blame: 'platform',
    retry: 'fast',
    text: 'The platform refuses connections on this port; check host and port.',
  },
  tcp_unreachable: { blame: 'platform', retry: 'fast', text: 'There is no route to the platform.' },
  tcp_timeout: {
    blame: 'platform',
    retry: 'fast',
    text: 'The platform does not accept the connection; check host and port, or a firewall in between.',
  },
  tls_failed: {
    blame: 'platform',
    retry: 'fast',
    text: 'TLS with the platform failed; check that the port speaks RTMPS.',
  },
  tls_certificate: {
    blame: 'platform',
    retry: 'slow',
    text: "The platform's certificate is not valid for this host; correct the host, or set the option tlsVerify of this transfer to false.",
  },
  handshake_failed: {
    blame: 'platform',
    retry: 'fast',
    text: 'The platform accepted the connection but did not complete the RTMP handshake in time; check host, port and protocol.',
  },
  connect_rejected: {
    blame: 'customer',
    retry: 'slow',
    text: 'The platform refused the application of the URL; check its path.',
  },
  redirected: {
    blame: 'platform',
    retry: 'slow',
    text: 'The platform redirects to another address, which was not followed; put that address into the transfer URL.',
  },
  auth_failed: {
    blame: 'customer',
    retry: 'slow',
    text: 'The platform refused the user name or password; correct them in the URL.',
  },
  publish_denied: {
    blame: 'customer',
    retry: 'slow',
    text: 'The platform refused the stream key; check it, and that the broadcast is set up there.',
  },
  stream_name_in_use: {
    blame: 'platform',
    retry: 'fast',
    text: 'The platform already receives a stream with this key; end the other one.',
  },
  publish_timeout: { blame: 'platform', retry: 'fast', text: 'The platform does not answer the request to publish.' },
  connection_lost: { blame: 'platform', retry: 'fast', text: 'The connection to the platform broke.' },
  closed_by_platform: {
    blame: 'platform',
    retry: 'fast',
    text: 'The platform closed the connection; look at its own status page or console.',
  },
  stalled: { blame: 'platform', retry: 'fast', text: 'The platform stopped taking data.' },
  sound_failed: {
    blame: 'customer',
    retry: 'never',
    text: "The sound file cannot be played, so the stream's own audio goes on; repair the .wav file in the media folder, then set the sound to null and set it again.",
  },
  stream_ended: { blame: 'nobody', retry: 'never', text: 'The stream ended.' },
  removed: { blame: 'nobody', retry: 'never', text: 'The transfer was removed.' },
  node_overloaded: {
    blame: 'service',
    retry: 'fast',
    text: 'The node was too busy to send in time; report it to the operator, who has to give it more CPU or fewer slots.',
  },
  service_error: { blame: 'service', retry: 'fast', text: 'A fault of the service; report it to its operator.' },
  // Streams
  publisher_left: { blame: 'publisher', retry: 'never', text: 'The publisher ended the stream.' },
  publisher_lost: {
    blame: 'publisher',
    retry: 'never',
    text: 'Media from the publisher stopped, and it did not reconnect in time.',
  },
  kicked: { blame: 'nobody', retry: 'never', text: 'The stream was ended by request, over the API or the dashboard.' },
  banned: {
    blame: 'customer',
    retry: 'never',
    text: 'The name of the stream is banned at this entry point; unban it, or wait until the ban is over.',
  },
  stream_auth_denied: {
    blame: 'customer',
    retry: 'never',
    text: "The customer's server, which decides who may publish, refused the publisher.",
  },
  taken_over: { blame: 'publisher', retry: 'never', text: 'Another session of the same stream took over.' },
  ice_timeout: {
    blame: 'publisher',
    retry: 'never',
    text: 'No media path could be made to the publisher; its network may block UDP.',
  },
  dtls_failed: {
    blame: 'publisher',
    retry: 'never',
    text: 'The publisher was reached, but the DTLS handshake with it was not finished.',
  },
  no_media: {
    blame: 'publisher',
    retry: 'never',
    text: 'The publisher is connected but sent no media; check its camera, its microphone or its encoder.',
  },
  picture_too_large: {
    blame: 'publisher',
    retry: 'never',
    text: "The publisher's video is larger than 4096 x 2304, or needs more than H.264 level 5.2; publish it smaller.",
  },
  no_video: {
    blame: 'publisher',
    retry: 'never',
    text: 'The publisher announced video but sends none; check its camera, or publish sound alone.',
  },
  no_audio: {
    blame: 'publisher',
    retry: 'never',
    text: 'The publisher announced sound but sends none; silence is sent in its place.',
  },
  no_parameter_sets: {
    blame: 'publisher',
    retry: 'never',
    text: "The publisher's H.264 comes without parameter sets (SPS, PPS), so nobody can decode it; have its encoder send them with every key frame.",
  },
  no_key_frame: {
    blame: 'publisher',
    retry: 'never',
    text: 'The publisher sends no key frame although it is asked for one, so its video cannot be decoded; set the key frame interval in its encoder.',
  },
  media_invalid: {
    blame: 'publisher',
    retry: 'never',
    text: "The publisher's media could not be decoded; try another codec or encoder.",
  },
  no_free_slot: { blame: 'operator', retry: 'never', text: 'No node had room for the stream.' },
  no_answer: { blame: 'service', retry: 'never', text: 'No node answered the publisher in time.' },
  node_lost: { blame: 'service', retry: 'never', text: 'The node that ran the stream went away.' },
  pipeline_crashed: { blame: 'service', retry: 'never', text: 'The process of the stream ended unexpectedly.' },
  out_of_memory: {
    blame: 'operator',
    retry: 'never',
    text: 'The stream took more memory than one may have on this node (PIPELINE_MEMORY_MB); its video, or the video that its transfers ask for, may be too large.',
  },
  negotiation_failed: { blame: 'publisher', retry: 'never', text: "The publisher's offer could not be answered." },
  service_shutdown: { blame: 'operator', retry: 'never', text: 'The node was shut down.' },
  // Callbacks
  transfer_disabled: {
    blame: 'customer',
    retry: 'never',
    text: 'Transfer is disabled for this entry point; enable it in settings/transfer.',
  },
  callback_url_missing: {
    blame: 'customer',
    retry: 'never',
    text: 'The entry point has no callbackUrl; set one in settings/transfer.',
  },
  callback_dns_failed: { blame: 'customer', retry: 'fast', text: 'The host of the callbackUrl has no address.' },
  callback_address_forbidden: {
    blame: 'customer',
    retry: 'slow',
    text: 'The callbackUrl leads to a private or reserved address; only public ones may be reached, unless the operator permits others.',
  },
  callback_connect_failed: {
    blame: 'customer',
    retry: 'fast',
    text: 'No connection to the callback server could be made.',
  },
  callback_timeout: { blame: 'customer', retry: 'fast', text: 'The callback server did not answer in time.' },
  callback_circuit_open: {
    blame: 'customer',
    retry: 'fast',
    text: 'The callback server failed several times in a row and is not asked for some seconds.',
  },
  callback_rate_limited: {
    blame: 'customer',
    retry: 'fast',
    text: 'The quota of callbacks per minute is used up; the callback follows in less than a minute.',
  },
  callback_status: { blame: 'customer', retry: 'fast', text: 'The callback server did not answer 200.' },
  callback_redirect: {
    blame: 'customer',
    retry: 'slow',
    text: 'The callback server redirects, which is not followed; put the final URL into callbackUrl.',
  },
  callback_too_large: { blame: 'customer', retry: 'slow', text: "The callback server's answer is too large." },
  callback_encoded: {
    blame: 'customer',
    retry: 'slow',
    text: 'The callback server compressed its answer although the request said not to.',
  },
  callback_not_json: { blame: 'customer', retry: 'fast', text: "The callback server's answer is not JSON." },
  callback_bad_answer: {
    blame: 'customer',
    retry: 'fast',
    text: "The callback server's answer has no list transferUrls.",
  },
  callback_urls_refused: {
    blame: 'customer',
    retry: 'never',
    text: 'Not every URL that the callback server named is forwarded to; the detail says which are not, and why.',
  },
  callback_no_urls: {
    blame: 'customer',
    retry: 'never',
    text: 'The callback server named no URL that can be forwarded to.',
  },
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof REASONS;

/** The catalogue's entry for a code as it is stored; undefined for none and for what a newer version wrote. */
export function reasonOf(code: string | null | undefined): Reason | undefined {
  return code != null && Object.hasOwn(REASONS, code) ? REASONS[code as ReasonCode] : undefined;
}

/** Why a transfer (or a callback) failed. `detail` adds what is particular to the case and never holds a secret. */
export class TransferError extends Error {
  constructor(
    readonly code: ReasonCode,
    readonly detail?: string,
  ) {
    super(detail === undefined ? REASONS[code].text : `${REASONS[code].text} (${detail})`);
  }

  get blame(): Blame {
    return REASONS[this.code].blame;
  }

  get retryable(): boolean {
    return REASONS[this.code].retry !== 'never';
  }
}
