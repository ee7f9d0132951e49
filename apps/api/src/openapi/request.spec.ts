import 'reflect-metadata';
import {
  ArrayMaxSize,
  IsArray,
  IsEmail,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  Validate,
  ValidatorConstraint,
} from 'class-validator';
import { describe, expect, it } from 'vitest';
import { IsListOf, IsNested, MayBeAbsent, MayBeAbsentOrNull } from '../http/validation.js';
import { bodyOf, Describe, propertiesOf, queryOf } from './request.js';
import { componentsOf, type Shape } from './schema.js';

@ValidatorConstraint()
class IsColour {
  static readonly schema = { type: 'string', pattern: '^#' };
  validate = (value: unknown): boolean => String(value).startsWith('#');
}

class Wheel {
  @IsInt()
  @Min(1)
  @Max(9)
  size: number;
}

@Describe('A car.')
class Car {
  @IsString()
  @Length(1, 100)
  @Describe('For people.')
  name: string;

  @MayBeAbsent()
  @Matches(/^[a-z]+$/)
  kind?: string;

  @MayBeAbsentOrNull()
  @IsIn(['left', 'right'])
  side?: 'left' | 'right' | null;

  @MayBeAbsentOrNull()
  @Validate(IsColour)
  colour?: string | null;

  @IsNested(() => Wheel)
  spare: Wheel;

  @MayBeAbsent()
  @IsListOf(() => Wheel)
  wheels?: Wheel[];

  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  @ArrayMaxSize(3)
  owners?: string[];
}

describe('bodyOf', () => {
  it('says what the rules of a class say', () => {
    expect(componentsOf(bodyOf(Car))).toEqual({
      Car: {
        type: 'object',
        description: 'A car.',
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 100, description: 'For people.' },
          kind: { type: 'string', pattern: '^[a-z]+$' },
          side: { type: ['string', 'null'], enum: ['left', 'right', null] },
          colour: { type: ['string', 'null'], pattern: '^#' },
          spare: { $ref: '#/components/schemas/Wheel' },
          wheels: { type: 'array', items: { $ref: '#/components/schemas/Wheel' } },
          owners: { type: 'array', items: { type: 'string' }, maxItems: 3 },
        },
        required: ['name', 'spare'],
        additionalProperties: false,
      },
      Wheel: {
        type: 'object',
        properties: { size: { type: 'integer', minimum: 1, maximum: 9 } },
        required: ['size'],
        additionalProperties: false,
      },
    });
  });

  it('refuses a rule that it does not know', () => {
    class Mail {
      @IsEmail()
      to: string;
    }
    expect(() => bodyOf(Mail)).toThrow('Mail.to: the document does not know what isEmail means.');
  });

  it('refuses a second class of the same name', () => {
    const first = bodyOf(Car);
    expect(bodyOf(Car)).toBe(first);
    const other = { Car: class Car {} };
    expect(() => bodyOf(other.Car)).toThrow('Two schemas are named Car.');
  });
});

it('queryOf has the defaults, and the fields of the class that it extends', () => {
  class Page {
    @IsOptional()
    @IsInt()
    limit = 50;
  }
  class Search extends Page {
    @IsOptional()
    @IsString()
    q?: string;
  }
  expect(queryOf(Search)).toEqual({ limit: { type: 'integer', default: 50 }, q: { type: 'string' } });
});

it('propertiesOf has fields for an answer, without null', () => {
  const { side } = propertiesOf(Car);
  const left: Shape<typeof side> = 'left';
  expect(side).toEqual({ type: 'string', enum: ['left', 'right'] });
  expect(side.enum).toContain(left);
});
