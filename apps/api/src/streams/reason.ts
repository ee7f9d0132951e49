import { reasonOf } from '#libs/transfer';
import { component, enumOf, flag, orNull, record, text, type Shape } from '../openapi/schema.js';

/** Why something is in the state that it is in. */
export const ReasonResponse = component(
  'Reason',
  record({
    code: text('Machine-readable; never renamed.'),
    text: text('What happened, and the way out.'),
    blame: enumOf(['platform', 'customer', 'publisher', 'operator', 'service', 'nobody'], 'Whose fault it is.'),
    retryable: flag(),
    detail: orNull(text('What is particular to this case.')),
  }),
);
export type ReasonResponse = Shape<typeof ReasonResponse>;

/** The answer's form of a row's reason; null when it has none. */
export function toReason(code: string | null, detail: string | null): ReasonResponse | null {
  if (code === null) return null;
  const known = reasonOf(code);
  return {
    code,
    text: known?.text ?? code,
    blame: known?.blame ?? 'service',
    retryable: known !== undefined && known.retry !== 'never',
    detail,
  };
}
