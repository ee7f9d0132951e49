// The little SDP that WHIP asks of a client: fragments for PATCH (RFC 8840), and taking the server's fragment into its answer.

/** One trickled candidate, as RTCPeerConnection reports it. */
export interface LocalCandidate {
  candidate: string;
  sdpMid: string | null;
}

const value = (sdp: string, attribute: string): string | undefined =>
  new RegExp(`^a=${attribute}:(.*?)\r?$`, 'm').exec(sdp)?.[1];

/** The ICE user fragment of a description: tells ICE sessions apart. */
export const iceUfrag = (sdp: string): string | undefined => value(sdp, 'ice-ufrag');

/** The fragment for a PATCH: our credentials and these candidates. Everything is bundled, so the first section speaks for all. */
export function fragmentOf(sdp: string, candidates: readonly LocalCandidate[], complete: boolean): string {
  const [, first = ''] = sdp.split(/^(?=m=)/m);
  const ufrag = iceUfrag(sdp);
  const pwd = value(sdp, 'ice-pwd');
  const mline = /^m=.*?(?=\r?$)/m.exec(first)?.[0];
  if (ufrag === undefined || pwd === undefined || mline === undefined)
    throw new Error('The description has no ICE credentials.');
  const group = value(sdp, 'group');
  return [
    ...(group === undefined ? [] : [`a=group:${group}`]),
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    mline,
    `a=mid:${value(first, 'mid') ?? '0'}`,
    ...candidates.map(({ candidate }) => `a=${candidate}`),
    ...(complete ? ['a=end-of-candidates'] : []),
    '',
  ].join('\r\n');
}

/**
 * The server's earlier answer with the credentials and candidates of its fragment after an ICE restart. Its earlier candidates stay: a server whose
 * sockets are the same names only one of them again, because some clients join several with commas.
 */
export function restartedAnswer(answer: string, fragment: string): string {
  const ufrag = iceUfrag(fragment);
  const pwd = value(fragment, 'ice-pwd');
  if (ufrag === undefined || pwd === undefined) throw new Error('The fragment of the ICE restart has no credentials.');
  const named = (text: string): string[] => text.match(/^a=candidate:.*(?=\r?$)/gm)?.map((line) => line.trim()) ?? [];
  const candidates = [...new Set([...named(fragment), ...named(answer)])];
  if (/^a=end-of-candidates/m.test(fragment)) candidates.push('a=end-of-candidates');
  const lines = answer
    .split(/\r?\n/)
    .filter((line) => line !== '' && !/^a=(candidate:|end-of-candidates)/.test(line))
    // A function: `$` in a password is no group reference.
    .map((line) =>
      line.replace(/^a=ice-ufrag:.*/, () => `a=ice-ufrag:${ufrag}`).replace(/^a=ice-pwd:.*/, () => `a=ice-pwd:${pwd}`),
    );
  const second = lines.findIndex(
    (line, index) => line.startsWith('m=') && lines.slice(0, index).some((before) => before.startsWith('m=')),
  );
  lines.splice(second === -1 ? lines.length : second, 0, ...candidates);
  return `${lines.join('\r\n')}\r\n`;
}
