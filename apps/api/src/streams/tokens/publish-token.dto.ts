import { IsInt, Matches, Max, Min } from 'class-validator';
import { STREAM_NAME } from '#libs/transfer';
import { MayBeAbsent, STREAM_NAME_RULE } from '../../http/validation.js';
import { Describe } from '../../openapi/request.js';
import { component, record, text, time, type Shape } from '../../openapi/schema.js';

const DAY_S = 86_400;

export class CreatePublishToken {
  @MayBeAbsent()
  @Matches(STREAM_NAME, { message: STREAM_NAME_RULE })
  @Describe('The only stream that may be published with it; any, when absent.')
  streamName?: string;

  @MayBeAbsent()
  @IsInt()
  @Min(60)
  @Max(365 * DAY_S)
  @Describe('Seconds from now; a day when absent.')
  expiresIn = DAY_S;
}

export const PublishTokenResponse = component(
  'PublishToken',
  record({
    token: text(),
    expiresAt: time(),
    whipUrl: text('Where to publish; ends with `{stream_name}` when the token is for any.'),
  }),
);
export type PublishTokenResponse = Shape<typeof PublishTokenResponse>;
