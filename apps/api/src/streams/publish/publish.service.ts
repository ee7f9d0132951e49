import { Injectable } from '@nestjs/common';
import { Admission } from '../../agora/stream-auth/admission.js';
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
    private readonly admission: Admission,
    private readonly running: RunningStream,
    private readonly streams: NewStream,
  ) {}

  /** `gone` aborts when the publisher hangs up while it waits. */
  async publish(target: PublishTarget, publisher: Publisher, gone: AbortSignal): Promise<Published> {
    await untilGone(gone, this.admission.require(target, publisher));
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      const running = await this.running.find(target);
      const published =
        running === null
          ? await this.streams.begin(target, publisher, gone)
          : await this.running.rejoin(running, publisher, gone);
      if (published !== undefined) return published;
    }
    throw beingStarted();
  }
}
