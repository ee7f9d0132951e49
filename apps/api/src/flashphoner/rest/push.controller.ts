import { All, Body, Controller, Get, HttpCode, NotFoundException } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { readFilter, readMediaSessionId, readSound, readStartup } from './push.dto.js';
import { PushService } from './push.service.js';
import type { TransponderResponse } from './push.shapes.js';
import { IdempotentPost } from '../../http/idempotency.interceptor.js';

type Fields = Record<string, unknown>;

/** Flashphoner's republishing: its clients take no status but 200 for a success. */
@Controller('rest-api/push')
export class PushController {
  constructor(private readonly pushes: PushService) {}

  @IdempotentPost('startup')
  @HttpCode(200)
  startup(@CurrentCaller() caller: Caller, @Body() body: Fields): Promise<TransponderResponse> {
    return this.pushes.startup(caller, readStartup(body));
  }

  @IdempotentPost('find')
  @HttpCode(200)
  async find(@CurrentCaller() caller: Caller, @Body() body: Fields): Promise<TransponderResponse[]> {
    return orNotFound(await this.pushes.find(caller, readFilter(body)), 'Transponder not found');
  }

  /** The vendor's own client sends GET, for it has no body. */
  @Get('find_all')
  async getAll(@CurrentCaller() caller: Caller): Promise<TransponderResponse[]> {
    return orNotFound(await this.pushes.find(caller, {}), 'Not found any transponder');
  }

  @IdempotentPost('find_all')
  @HttpCode(200)
  findAll(@CurrentCaller() caller: Caller): Promise<TransponderResponse[]> {
    return this.getAll(caller);
  }

  @IdempotentPost('terminate')
  @HttpCode(200)
  terminate(@CurrentCaller() caller: Caller, @Body() body: Fields): Promise<void> {
    return this.pushes.terminate(caller, readMediaSessionId(body));
  }

  @IdempotentPost('mute')
  @HttpCode(200)
  mute(@CurrentCaller() caller: Caller, @Body() body: Fields): Promise<void> {
    return this.pushes.change(caller, readMediaSessionId(body), { muted: true });
  }

  @IdempotentPost('unmute')
  @HttpCode(200)
  unmute(@CurrentCaller() caller: Caller, @Body() body: Fields): Promise<void> {
    return this.pushes.change(caller, readMediaSessionId(body), { muted: false });
  }

  /** The sound replaces the stream's own; without `loop`, that returns when it is over. */
  @IdempotentPost('sound_on')
  @HttpCode(200)
  soundOn(@CurrentCaller() caller: Caller, @Body() body: Fields): Promise<void> {
    return this.pushes.change(caller, readMediaSessionId(body), { sound: readSound(body) });
  }

  @IdempotentPost('sound_off')
  @HttpCode(200)
  soundOff(@CurrentCaller() caller: Caller, @Body() body: Fields): Promise<void> {
    return this.pushes.change(caller, readMediaSessionId(body), { sound: null });
  }

  @All('{*path}')
  unknown(): never {
    throw new NotFoundException('No such method');
  }
}

/** The vendor answers 404 where others answer an empty list. */
function orNotFound(found: TransponderResponse[], message: string): TransponderResponse[] {
  if (found.length === 0) throw new NotFoundException(message);
  return found;
}
