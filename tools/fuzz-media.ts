// Hostile RTP of every codec through the pipeline's own code and GStreamer's decoders and encoders: what real encoders make, changed at random.
// Every second session comes over a connection of loopback, with hostile STUN, DTLS and RTCP beside it. docs/fuzzing.md says more.
// `npm run fuzz:media -- [--sanitize] --minutes 60 --seed 1 [--codec VP8]`; a crash or an exception that is not an answer to the media ends it, with the seed.
import { runMain } from './lib/main.ts';
import { buildSanitized, runSanitized } from './lib/fuzz/sanitized.ts';

await runMain(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--sanitize')) {
    await buildSanitized();
    process.exitCode = await runSanitized(
      import.meta.filename,
      args.filter((arg) => arg !== '--sanitize'),
    );
    return;
  }
  const value = (name: string) => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? undefined : args[at + 1];
  };
  const { fuzzMedia } = await import('./lib/fuzz/media.ts');
  const seconds = 60 * Number(value('minutes') ?? 1);
  const report = await fuzzMedia({
    seconds,
    seed: Number(value('seed') ?? Date.now() % 1e6),
    codec: value('codec') ?? null,
    onProgress: (line) => console.log(line),
  });
  console.log(JSON.stringify(report));
});
