import { Injectable, ValidationPipe, type PipeTransform, type ValidationError } from '@nestjs/common';
import { badRequest, type FieldError } from './problem.js';

/** Whole bodies and queries against their DTO classes: unknown fields are refused, every bad field is named. */
export const validationPipe = (): ValidationPipe =>
  new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    exceptionFactory: (errors) => badRequest(errors.flatMap((error) => fieldErrors(error, ''))),
  });

function fieldErrors(error: ValidationError, parent: string): FieldError[] {
  const field = parent === '' ? error.property : `${parent}.${error.property}`;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    field,
    message: rule === 'whitelistValidation' ? 'is not a known field' : message.replace(new RegExp(`^${escape(error.property)} `), ''),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => fieldErrors(child, field))];
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What an appid or a name may look like at all. What does not exist is 404; what could never exist is 400, as Agora documents. */
const POSSIBLE = /^[A-Za-z0-9_.-]{1,128}$/;

/** A path parameter that names something: `@Param('appid', PathName)`. */
@Injectable()
export class PathName implements PipeTransform<string, string> {
  transform(value: string, { data }: { data?: string }): string {
    if (!POSSIBLE.test(value)) throw badRequest([{ field: data ?? 'path', message: 'is not valid' }]);
    return value;
  }
}
