import { HttpException, Injectable } from '@nestjs/common';
import { HotSql } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { refuse } from '../../http/problem.js';
import type { PublishTarget } from '../../streams/publish/publisher.js';
import { findPushSourceOfSession } from './push-sql.js';
import { PushService } from './push.service.js';
import { PushSettingsService } from '../republish/push-settings.service.js';

/** An RTMP URL that a publisher itself names, where the entry point's settings let it. */
@Injectable()
export class PublisherPushes {
  constructor(
    private readonly sql: HotSql,
    private readonly pushes: PushService,
    private readonly settings: PushSettingsService,
  ) {}

  /** Pushes the session's stream on the customer's behalf. What is pushed there already goes on; what was terminated stays so while its stream lives. Throws what a startup would. */
  async push(sessionId: string, { customerId, entryPointId }: PublishTarget, rtmpUrl: string): Promise<void> {
    const source = await findPushSourceOfSession(this.sql, sessionId);
    if (source === undefined) throw new Error('the session is gone');
    const { settings } = this.settings.effective(entryPointId, source.settings);
    if (!settings.publishersMayPush) throw refuse(403, 'Publishers may not push streams of this entry point.');
    // A publisher that comes back after a break says its URL again.
    if (await this.pushes.wasTerminated(source, rtmpUrl)) throw refuse(409, 'This push was terminated.');
    const caller: Caller = {
      customerId,
      role: 'customer',
      credentialId: '',
      limitKey: `publisher:${sessionId}`,
      bySession: false,
    };
    await this.pushes.pushTo(caller, source, { rtmpUrl, options: {} }).catch((error: unknown) => {
      if (!(error instanceof HttpException) || error.getStatus() !== 409) throw error;
    });
  }
}
