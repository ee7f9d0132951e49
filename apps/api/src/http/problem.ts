import { HttpException } from '@nestjs/common';
import { as, component, listOf, record, text, whole, type Shape } from '../openapi/schema.js';

const fieldError = record({ field: text(), message: text() });
/** One bad field of a request. */
export type FieldError = Shape<typeof fieldError>;

export const ProblemResponse = component(
  'Problem',
  as(
    'RFC 9457, with `message` for clients of the API that this one is compatible with.',
    record(
      {
        status: whole(),
        title: text(),
        detail: text('What to do about it.'),
        message: text('What is wrong.'),
        requestId: text(),
      },
      {
        code: text('Machine-readable reason, where the status alone is ambiguous.'),
        errors: listOf(fieldError, { description: 'Every bad field.' }),
      },
    ),
  ),
);
export type ProblemResponse = Shape<typeof ProblemResponse>;

/** What a refusal may carry beyond its sentence. */
export interface ProblemOptions {
  /** What to do about it; the sentence itself when absent. */
  detail?: string;
  /** Machine-readable reason, where the status alone is ambiguous. */
  code?: string;
  errors?: FieldError[];
  headers?: Record<string, string>;
}

/** A refusal with more than a sentence; ProblemFilter writes it as problem+json. Plain ones use Nest's own exceptions. */
export function refuse(status: number, message: string, options: ProblemOptions = {}): HttpException {
  return new HttpException({ message, ...options }, status);
}

/** 400 that names each bad field. */
export function badRequest(errors: FieldError[]): HttpException {
  return refuse(400, errors.map(({ field, message }) => (field ? `${field} ${message}` : message)).join('; '), {
    errors,
  });
}
