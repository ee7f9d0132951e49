import { badRequest, type FieldError } from '../../http/problem.js';
import { as, component, flag, orNull, record, text, type Schema } from '../../openapi/schema.js';
import { OPTION_SCHEMAS, optionProblems, parseTransferUrl, TransferError, type TransferOptions } from '#libs/transfer';

const optionProperties: Record<string, Schema> = {
  ...OPTION_SCHEMAS,
  sound: as(
    'Replaces the audio.',
    orNull(
      record({
        file: text('Name of a WAV file in the media folder of the project.'),
        loop: flag('For ever, or once.'),
      }),
    ),
  ),
};
export const TransferOptionsResponse: Schema<TransferOptions> = component('TransferOptions', {
  type: 'object',
  properties: optionProperties,
});

const url = text('rtmp:// or rtmps://');
export const CreateTransfer = component('CreateTransfer', record({ url }, optionProperties));
export const UpdateTransfer = component(
  'UpdateTransfer',
  as(
    'Absent keeps, null clears.',
    record(
      {},
      { url, ...Object.fromEntries(Object.entries(optionProperties).map(([name, schema]) => [name, orNull(schema)])) },
    ),
  ),
);

/** Body of POST: a URL, and any of the options. */
export interface NewTransfer {
  url: string;
  options: TransferOptions;
}

/** Body of PATCH: absent keeps, null clears an option. */
export interface TransferChanges {
  url?: string;
  options: Record<string, unknown>;
}

/** Reads `{"url": "...", ...options}`; throws 400 that names each bad field. */
export function readNewTransfer(body: Record<string, unknown>): NewTransfer {
  const { url, ...options } = body;
  const problems: FieldError[] = [...urlProblems(url, true), ...optionProblems(options)];
  if (problems.length > 0) throw badRequest(problems);
  return { url: (url as string).trim(), options };
}

export function readChanges(body: Record<string, unknown>): TransferChanges {
  const { url, ...options } = body;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
  // A null clears what exists; it must still be a known name.
  const cleared = Object.keys(options).filter((name) => options[name] === null);
  const unknown = optionProblems(Object.fromEntries(cleared.map((name) => [name, undefined]))).filter(
    ({ message }) => message === 'is not a known option',
  );
  const problems: FieldError[] = [...urlProblems(url, false), ...optionProblems(given), ...unknown];
  if (problems.length > 0) throw badRequest(problems);
  return { url: typeof url === 'string' ? url.trim() : undefined, options };
}

function urlProblems(url: unknown, isNeeded: boolean): FieldError[] {
  if (url === undefined && !isNeeded) return [];
  if (typeof url !== 'string') return [{ field: 'url', message: 'must be an rtmp:// or rtmps:// URL' }];
  try {
    parseTransferUrl(url.trim());
    return [];
  } catch (error) {
    if (error instanceof TransferError)
      return [{ field: 'url', message: (error.detail ?? error.message).replace(/^the URL /, '') }];
    throw error;
  }
}
