// Hostile RTP of every codec through the pipeline's own code and GStreamer's decoders and encoders: what real encoders make, changed at random.
// `npm run fuzz:media -- --minutes 60 --seed 1 [--codec VP8]`; a crash or an exception that is not an answer to the media ends it, with the seed.
import { runMain } from './lib/main.mjs';
import { fuzzMedia } from './lib/fuzz-media.mjs';

await runMain(async () => {
  const value = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : process.argv[at + 1];
  };
  const seconds = 60 * Number(value('minutes', '1'));
  const report = await fuzzMedia({ seconds, seed: Number(value('seed', String(Date.now() % 1e6))), codec: value('codec', null), onProgress: (line) => console.log(line) });
  console.log(JSON.stringify(report));
});
