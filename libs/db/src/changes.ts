import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Client } from 'pg';
import { Env } from '#libs/config';

const CHANNEL = 'manycast_changes';
/** A connection that broke is opened again after this, ms. */
const AGAIN_MS = 250;
/** How often the connection is asked whether it still stands, and how long its answer may take, ms. */
const CHECK_MS = 1000;
const CHECK_DEADLINE_MS = 1000;
/** Of what the database's triggers tell about. */
export type ChangeTopic = 'credentials';

/**
 * Hears, by Postgres's LISTEN, what any process has changed: `topic:key` in the channel, sent by triggers when the change is committed. What a
 * process remembers of the database is forgotten by it.
 */
@Injectable()
export class Changes implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Changes.name);
  private readonly listeners = new Map<ChangeTopic, ((key: string | null) => void)[]>();
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isEnded = false;
  /** Once for each time that the database is away. */
  private isWarned = false;

  constructor(private readonly env: Env) {}

  /** Whether changes are heard now. When not, what is remembered may be old. */
  get isListening(): boolean {
    return this.client !== undefined;
  }

  /** `listener` hears the key of each change (a customer's id, for credentials); null: changes may have been missed. */
  on(topic: ChangeTopic, listener: (key: string | null) => void): void {
    this.listeners.set(topic, [...(this.listeners.get(topic) ?? []), listener]);
  }

  async onModuleInit(): Promise<void> {
    await this.listen();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isEnded = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  /** Never rejects: tries again until it listens. */
  private async listen(): Promise<void> {
    const client = new Client({
      connectionString: this.env.DATABASE_URL,
      connectionTimeoutMillis: 2000,
      query_timeout: CHECK_DEADLINE_MS,
      keepAlive: true,
      application_name: 'manycast-changes',
    });
    client.on('error', () => this.lose(client));
    client.on('end', () => this.lose(client));
    client.on('notification', ({ payload }) => this.tell(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      if (this.isEnded) return await client.end();
      this.client = client;
      this.isWarned = false;
      // What was changed before is not told.
      for (const listeners of this.listeners.values()) for (const listener of listeners) listener(null);
      this.later(CHECK_MS, () => this.check(client));
    } catch (error) {
      if (!this.isWarned) this.logger.warn(`changes are not heard: ${String(error).slice(0, 200)}`);
      this.isWarned = true;
      this.lose(client);
      client.end().catch(() => undefined);
      this.later(AGAIN_MS, () => this.listen());
    }
  }

  private async check(client: Client): Promise<void> {
    const stands =
      this.client === client &&
      (await client.query('SELECT 1').then(
        () => true,
        () => false,
      ));
    if (stands) return this.later(CHECK_MS, () => this.check(client));
    this.lose(client);
    client.end().catch(() => undefined);
    this.later(AGAIN_MS, () => this.listen());
  }

  private lose(client: Client): void {
    if (this.client === client) this.client = undefined;
  }

  private tell(payload: string): void {
    const colon = payload.indexOf(':');
    const listeners = this.listeners.get(payload.slice(0, colon) as ChangeTopic) ?? [];
    for (const listener of listeners) listener(payload.slice(colon + 1));
  }

  /** One thing at a time is due. `work` never rejects. */
  private later(ms: number, work: () => Promise<void>): void {
    if (this.isEnded) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      work().catch((error: unknown) => this.logger.error(error));
    }, ms).unref();
  }
}
