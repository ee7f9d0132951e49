import { reasonOf } from '#libs/transfer';

/** Why something is in the state that it is in. */
export interface ReasonResponse {
  code: string;
  /** A sentence with the way out. */
  text: string;
  /** Whose fault: platform, customer, publisher, operator, service, nobody. */
  blame: string;
  retryable: boolean;
  /** What is particular to this case. */
  detail: string | null;
}

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
