/** Longer words of others are cut before they are looked at. */
const MAX_INPUT = 2000;
/** Bytes: parts of a secret this long are masked, too; fewer give little away, and are in every sentence. */
const PART = 8;
const MASK = '***';
/** `%2F`, `\u002f`, `\x2f`, `\/`, `&#47;`, `&#x2f;`, `&amp;`: characters in the notations of URLs, JSON and HTML. */
const ESCAPE =
  /%([0-9a-f]{2})|((?:\\u[0-9a-f]{4})+)|\\x([0-9a-f]{2})|\\([/"'\\])|&#(\d{1,6});|&#x([0-9a-f]{1,5});|&(amp|lt|gt|quot|apos);/g;
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
/** Escaped several times over, as a URL in a parameter of a URL. */
const MAX_PASSES = 4;

/** A text without escapes and in lower case: its UTF-8 bytes, one a character, and where in the text each comes from. */
interface Plain {
  bytes: string;
  start: number[];
  end: number[];
}

/**
 * What somebody else said, as it may be stored and shown: no control characters, at most `maxLength` characters, and nothing
 * of `secrets`, in whatever case or escaping: neither whole nor in parts of eight bytes.
 */
export function maskSecrets(text: string, secrets: readonly string[], maxLength: number): string {
  // Control characters go first, or one inside a secret would hide it from the mask.
  const readable = text
    .slice(0, MAX_INPUT)
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]+/gu, '');
  const { bytes, start, end } = plain(readable);
  const { short, parts } = wanted(secrets);
  const hidden = Array.from({ length: readable.length }, () => false);
  const hide = (at: number, length: number): void => {
    hidden.fill(true, start[at], end[at + length - 1]);
  };
  for (let at = 0; at + PART <= bytes.length; at += 1) {
    if (parts.has(bytes.slice(at, at + PART))) hide(at, PART);
  }
  for (const secret of short) {
    for (let at = bytes.indexOf(secret); at !== -1; at = bytes.indexOf(secret, at + 1)) hide(at, secret.length);
  }
  let shown = '';
  for (let i = 0; i < readable.length; i += 1) {
    if (!hidden[i]) shown += readable[i];
    else if (i === 0 || !hidden[i - 1]) shown += MASK;
  }
  return shown.trim().slice(0, maxLength).toWellFormed();
}

/** What is looked for: short secrets whole, of longer ones every part; as they are, and as they are often written. */
function wanted(secrets: readonly string[]): { short: Set<string>; parts: Set<string> } {
  const short = new Set<string>();
  const parts = new Set<string>();
  for (const secret of secrets) {
    for (const form of [secret, secret.replaceAll('+', ' '), ...encoded(secret)]) {
      const { bytes } = plain(form);
      if (bytes.length < PART && bytes !== '') short.add(bytes);
      for (let at = 0; at + PART <= bytes.length; at += 1) parts.add(bytes.slice(at, at + PART));
    }
  }
  return { short, parts };
}

function encoded(secret: string): string[] {
  if (secret.length < PART) return [];
  const bytes = Buffer.from(secret);
  // Base64 writes three bytes as four letters: in a longer text a secret begins at any of three places. Letters that hold bits of what stands beside it are left out.
  const shifted = [1, 2].flatMap((before) => {
    const inner = bytes.subarray(3 - before);
    const whole = inner.subarray(0, inner.length - (inner.length % 3));
    return [whole.toString('base64'), whole.toString('base64url')];
  });
  return [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url'), ...shifted];
}

function plain(text: string): Plain {
  let result: Plain = { bytes: '', start: [], end: [] };
  let at = 0;
  for (const letter of text) {
    append(result, utf8(letter.toLowerCase()), at, at + letter.length);
    at += letter.length;
  }
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const next = unescapeOnce(result);
    if (next.bytes.length === result.bytes.length) break;
    result = next;
  }
  return result;
}

function unescapeOnce({ bytes, start, end }: Plain): Plain {
  const result: Plain = { bytes: '', start: [], end: [] };
  let copied = 0;
  const copy = (until: number): void => {
    for (; copied < until; copied += 1)
      append(result, bytes[copied] as string, start[copied] as number, end[copied] as number);
  };
  for (const match of bytes.matchAll(ESCAPE)) {
    copy(match.index);
    copied = match.index + match[0].length;
    append(result, meaning(match), start[match.index] as number, end[copied - 1] as number);
  }
  copy(bytes.length);
  return result;
}

/** The bytes that an escape stands for. */
function meaning([, percent, utf16, hex, quoted, decimal, hexadecimal, name]: RegExpMatchArray): string {
  if (percent !== undefined)
    return String.fromCharCode(Number.parseInt(percent, 16)).replace(/[A-Z]/, (letter) => letter.toLowerCase());
  if (utf16 !== undefined)
    return utf8(
      utf16.replace(/\\u(....)/g, (_, unit: string) => String.fromCharCode(Number.parseInt(unit, 16))).toLowerCase(),
    );
  if (quoted !== undefined) return quoted;
  if (name !== undefined) return NAMED[name] as string;
  return utf8(
    String.fromCodePoint(
      decimal === undefined ? Number.parseInt((hex ?? hexadecimal) as string, 16) : Number(decimal),
    ).toLowerCase(),
  );
}

function append(to: Plain, bytes: string, start: number, end: number): void {
  to.bytes += bytes;
  for (let i = 0; i < bytes.length; i += 1) {
    to.start.push(start);
    to.end.push(end);
  }
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
