import { HttpException } from '@nestjs/common';

/** One bad field of a request. */
export interface FieldError {
  field: string;
  message: string;
}

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
