// npm run publish-clip -- <WHIP URL> <token>: publishes a test picture and a tone until Ctrl-C.
import { messageOf } from './lib/errors.ts';
import { runMain } from './lib/main.ts';
import { StepError } from './lib/step.ts';
import { say } from './lib/terminal.ts';
import { publishTestStream } from './lib/whip-publisher.ts';

await runMain(async () => {
  const [url, token] = process.argv.slice(2);
  if (!url || !token) throw new StepError('usage: npm run publish-clip -- <WHIP URL> <publish token>');
  const publisher = await publishTestStream({ url, token, width: 1280, height: 720, kbps: 2500 }).catch(
    (error: unknown) => {
      throw new StepError(messageOf(error), { cause: error });
    },
  );
  say(`Publishing to ${url}; Ctrl-C ends it.`);
  await new Promise((resolve) => ['SIGINT', 'SIGTERM'].forEach((signal) => process.once(signal, resolve)));
  await publisher.stop();
});
process.exit();
