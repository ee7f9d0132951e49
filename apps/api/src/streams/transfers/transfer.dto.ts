import { badRequest, type FieldError } from '../../http/problem.js';
import { optionProblems, TransferError, type TransferOptions, TransferUrl } from '#libs/transfer';

/** Body of POST: a URL, and any of the options. */
export interface NewTransfer {
  url: TransferUrl;
  options: TransferOptions;
}

/** Body of PATCH: absent keeps, null clears an option. */
export interface TransferChanges {
  url?: TransferUrl;
  options: Record<string, unknown>;
}

/** Reads `{"url": "...", ...options}`; throws 400 that names each bad field. */
export function readNewTransfer(body: Record<string, unknown>): NewTransfer {
  const { url, ...options } = body;
  const problems: FieldError[] = [];
  const parsed = readUrl(url, problems);
  problems.push(...optionProblems(options));
  if (parsed === null || problems.length > 0) throw badRequest(problems);
  return { url: parsed, options };
}

export function readChanges(body: Record<string, unknown>): TransferChanges {
  const { url, ...options } = body;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
  // A null clears what exists; it must still be a known name.
  const cleared = Object.keys(options).filter((name) => options[name] === null);
  const unknown = optionProblems(Object.fromEntries(cleared.map((name) => [name, undefined]))).filter(
    ({ message }) => message === 'is not a known option',
  );
  const problems: FieldError[] = [];
  const parsed = url === undefined ? undefined : readUrl(url, problems);
  problems.push(...optionProblems(given), ...unknown);
  if (parsed === null || problems.length > 0) throw badRequest(problems);
  return { url: parsed, options };
}

/** Null for what cannot be forwarded to; `problems` says why. */
function readUrl(url: unknown, problems: FieldError[]): TransferUrl | null {
  if (typeof url !== 'string') {
    problems.push({ field: 'url', message: 'must be an rtmp:// or rtmps:// URL' });
    return null;
  }
  try {
    return TransferUrl.parse(url.trim());
  } catch (error) {
    if (!(error instanceof TransferError)) throw error;
    problems.push({ field: 'url', message: (error.detail ?? error.message).replace(/^the URL /, '') });
    return null;
  }
}
