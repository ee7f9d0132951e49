import { Injectable } from '@nestjs/common';
import { HotSql } from '#libs/db';
import { Admission } from '../../agora/stream-auth/admission.js';
import { unknownEntryPoint } from '../../tenants/owned.js';
import { type ArrivalState, readArrivalState } from './arrival-state.js';
import { NewStream } from './new-stream.js';
import type { Published, Publisher, PublishTarget } from './publisher.js';
import { untilGone } from './publisher-left.js';
import { beingStarted, RunningStream } from './running-stream.js';

/** Two publishers of one name may find and end each other's leftovers; nobody needs more turns than this. */
const MAX_TURNS = 3;

/** Finds a node for a publisher: the one that runs the stream already, or any with room. */
@Injectable()
export class PublishService {
  constructor(
    private readonly sql: HotSql,
    private readonly admission: Admission,
    private readonly running: RunningStream,
    private readonly streams: NewStream,
  ) {}

  /** `seen`: what was just read, so that it is not read again. `gone` aborts when the publisher hangs up while it waits. */
  async publish(
    target: PublishTarget,
    publisher: Publisher,
    gone: AbortSignal,
    seen?: ArrivalState,
  ): Promise<Published> {
    await untilGone(gone, this.admission.require(target, publisher));
    // What was seen before the customer's server was asked may be old.
    let state = target.admission.streamAuth === null ? seen : undefined;
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      state ??= await readArrivalState(this.sql, target);
      if (state === undefined) throw unknownEntryPoint();
      const published =
        state.running === null
          ? await this.streams.begin(target, state, publisher, gone)
          : await this.running.rejoin(state.running, publisher, gone);
      state = undefined;
      if (published !== undefined) return published;
    }
    throw beingStarted();
  }
}
