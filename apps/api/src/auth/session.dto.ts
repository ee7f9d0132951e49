import { IsString, Length } from 'class-validator';
import { Role } from '#libs/db';
import { component, enumOf, record, text, type Shape } from '../openapi/schema.js';

export class SignIn {
  @IsString()
  @Length(1, 64)
  customerId: string;

  @IsString()
  @Length(1, 256)
  customerSecret: string;
}

export const SessionResponse = component(
  'Session',
  record({ customerId: text(), name: text(), role: enumOf(Object.values(Role)) }),
);
export type SessionResponse = Shape<typeof SessionResponse>;
