// What the dashboard is tested against: the running system with a stream that goes to a platform and to a port where nobody listens.
import type { Browser } from 'playwright-core';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { launchChromium } from './chromium.js';
import { type Customer, startCustomer } from './customer.js';
import { signIn, type Tab } from './dashboard.js';
import { freePort } from './ports.js';
import { startRtmpServer, type TestRtmpServer } from './rtmp-server.js';
import { System } from './system.js';

export interface Show {
  system: System;
  platform: TestRtmpServer;
  customer: Customer;
  browser: Browser;
  /** Signed in as the customer. */
  tab: Tab;
  /** Nobody listens there. */
  deadPort: number;
  /** Publishes one more stream to the entry point `show`. */
  publish(name: string): Promise<TestPublisher>;
  stop(): Promise<void>;
}

/** Starts it all: the stream `concert` is on the entry point `show`. Who looks at it as an operator, or ends its processes, needs a system of his own (`System.start`). */
export async function startShow(newSystem: () => Promise<System> = () => System.shared()): Promise<Show> {
  const stops: (() => Promise<unknown>)[] = [];
  const started = <T>(thing: T, stop: (thing: T) => Promise<unknown>): T => {
    stops.unshift(() => stop(thing));
    return thing;
  };
  const stop = async (): Promise<void> => {
    for (const each of stops) await each();
  };
  try {
    const platform = started(await startRtmpServer(), (server) => server.stop());
    const deadPort = await freePort();
    const customer = started(
      await startCustomer((name) => [`${platform.url}/${name}`, `rtmp://127.0.0.1:${deadPort}/live/${name}`]),
      (server) => server.stop(),
    );
    const system = started(await newSystem(), (running) => running.stop());
    const { whipUrl, token } = await system.entryPoint('show', { enabled: true, callbackUrl: customer.url });
    const publish = async (name: string): Promise<TestPublisher> =>
      started(
        await publishTestStream({
          url: whipUrl(name),
          token,
          localAddress: '127.0.0.1',
          width: 320,
          height: 180,
          kbps: 300,
        }),
        (publisher) => publisher.close(),
      );
    await publish('concert');
    const browser = started(await launchChromium(), (running) => running.close());
    return {
      system,
      platform,
      customer,
      browser,
      tab: await signIn(browser, system, system.customer),
      deadPort,
      publish,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
