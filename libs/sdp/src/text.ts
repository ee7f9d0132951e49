/** SDP as text (RFC 8866): bounded, then split into its sections. */

// oxlint-disable-next-line no-control-regex -- control characters are what we look for
const CONTROL_CHARACTER = /[\u0000-\u0008\u000a-\u001f\u007f]/;
/** The API takes bodies of 64 KiB, and browsers write 10. */
const MAX_CHARACTERS = 65_536;
/** Browsers write 300. */
const MAX_LINES = 2000;
const MAX_LINE = 4096;

/** A description that nobody here can use; the message is for the publisher. `damaged`: it is no SDP at all. */
export class SdpError extends Error {
  readonly code = 'negotiation_failed';

  constructor(
    message: string,
    readonly kind: 'damaged' | 'unusable' = 'unusable',
  ) {
    super(message);
  }
}

/** What stands before the first m-line, or one m-line with what follows it. */
export interface RawSection {
  /** audio, video, application...; `session` for what stands before the first m-line, empty for an m-line that is none. */
  kind: string;
  /** 0: not offered (RFC 8843, section 6, has an exception: `a=bundle-only`). */
  port: string;
  protocol: string;
  /** What stands behind the protocol. */
  formats: string;
  mline: string;
  /** What stands behind `a=`. */
  attributes: string[];
}

/** Lines of `x=...`, however they end; anything else was never SDP (a NUL, a lone CR, HTML...). Throws SdpError (damaged). */
export function textLines(text: string): string[] {
  if (text.length > MAX_CHARACTERS)
    throw new SdpError(`The body is not SDP: it has more than ${MAX_CHARACTERS} characters.`, 'damaged');
  const lines = text.split(/\r?\n/, MAX_LINES + 1).filter((line) => line !== '');
  if (lines.length > MAX_LINES)
    throw new SdpError(`The body is not SDP: it has more than ${MAX_LINES} lines.`, 'damaged');
  const bad = lines.findIndex(
    (line) => line.length > MAX_LINE || !/^[a-z]=/.test(line) || CONTROL_CHARACTER.test(line),
  );
  if (bad !== -1) throw new SdpError(`The body is not SDP: line ${bad + 1} is damaged.`, 'damaged');
  return lines;
}

const attributesOf = (lines: string[]): string[] =>
  lines.filter((line) => line.startsWith('a=')).map((line) => line.slice(2).trim());

/** Splits an offer. Throws SdpError (damaged) for what is no SDP. */
export function readSections(sdp: string): { session: RawSection; media: RawSection[] } {
  const lines = textLines(sdp);
  if (lines[0] !== 'v=0') throw new SdpError('The body is not an SDP offer: it must begin with v=0.', 'damaged');
  const starts = lines.flatMap((line, i) => (line.startsWith('m=') ? [i] : []));
  const media = starts.map((from, i): RawSection => {
    const mline = lines[from] as string;
    const [, kind = '', port = '', protocol = '', formats = ''] = /^m=(\S*) (\S+) (\S+) ?(.*?)\s*$/.exec(mline) ?? [];
    return { kind, port, protocol, formats, mline, attributes: attributesOf(lines.slice(from + 1, starts[i + 1])) };
  });
  return {
    session: {
      kind: 'session',
      port: '',
      protocol: '',
      formats: '',
      mline: '',
      attributes: attributesOf(lines.slice(0, starts[0])),
    },
    media,
  };
}

/** What stands behind `a=<name>:`, in order. */
export const valuesOf = ({ attributes }: Pick<RawSection, 'attributes'>, name: string): string[] =>
  attributes
    .filter((attribute) => attribute.startsWith(`${name}:`))
    .map((attribute) => attribute.slice(name.length + 1).trim());

export const hasFlag = ({ attributes }: RawSection, name: string): boolean => attributes.includes(name);

/** What a body of `application/trickle-ice-sdpfrag` says (RFC 8840); null: not there, or not as RFC 8839 allows it. */
export interface IceFragment {
  ufrag: string | null;
  pwd: string | null;
}

/** RFC 8839, section 5.4, which allows fewer characters; some clients use others. */
export const UFRAG = /^[!-~]{4,256}$/;
export const PWD = /^[!-~]{22,256}$/;
/** No honest host has a hundred. */
export const MAX_CANDIDATES = 100;

export const countCandidates = (attributes: string[]): number =>
  attributes.filter((attribute) => attribute.startsWith('candidate:')).length;

/** Reads a trickled fragment; throws SdpError (damaged) when it is none. Some clients' m-lines have no port: nothing here depends on m-lines. */
export function readFragment(text: string): IceFragment {
  const lines = textLines(text);
  if (lines.length === 0) throw new SdpError('The body is not an SDP fragment: it is empty.', 'damaged');
  const attributes = attributesOf(lines);
  if (countCandidates(attributes) > MAX_CANDIDATES)
    throw new SdpError(`The fragment has more than ${MAX_CANDIDATES} candidates.`, 'damaged');
  const first = (name: string, allowed: RegExp): string | null =>
    valuesOf({ attributes }, name).find((value) => allowed.test(value)) ?? null;
  return { ufrag: first('ice-ufrag', UFRAG), pwd: first('ice-pwd', PWD) };
}
