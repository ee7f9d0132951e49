// npm start: everything that is needed to try manycast on this machine, in the foreground, until Ctrl-C.
import { loadDotEnv, runMain } from './lib/main.mjs';
import { setUp } from './lib/setup.mjs';
import { createStack, DEMO_FILE } from './lib/stack.mjs';
import { colour, say, since } from './lib/terminal.mjs';

await runMain(async () => {
  const started = performance.now();
  const stack = createStack({ print: say, note: say });
  onInterrupt(async (signal) => {
    const stopping = performance.now();
    say(`\n${signal}: stopping ...`);
    await stack.stop();
    say(`Stopped (${since(stopping)}).`);
  });
  loadDotEnv();
  await setUp();
  const { demo } = await stack.start();
  nextSteps(demo, since(started));
});

/** Runs `stop` on the first signal that asks us to end, then ends. */
function onInterrupt(stop) {
  let first;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // One Ctrl-C arrives twice: from the terminal and passed on by npm. Who presses it again means it: the kernel
      // ends the children when we are gone.
      if (first !== undefined && performance.now() - first > 1_000) process.exit(130);
      if (first !== undefined) return;
      first = performance.now();
      runMain(() => stop(signal)).then(
        () => process.exit(process.exitCode ?? 0),
        () => process.exit(1),
      );
    });
  }
}

function nextSteps(demo, duration) {
  const { customer, appid, entryPoint } = demo;
  const settings = `${demo.apiUrl}/v1/projects/${appid}/fls/entry_points/${entryPoint}/settings/transfer`;
  const body = `{"enabled": true, "callbackUrl": "http://localhost:8080/targets"}`;
  say(`
${colour('bold', `manycast runs (${duration}).`)}

  Dashboard     ${demo.dashboardUrl}
  Credentials   ${DEMO_FILE}
  RTMP target   ${demo.rtmpUrl}/<name>  (a stand-in for a platform; play it with ffplay or VLC)

  See it work:  ${colour('bold', 'npm run demo')}  (in a second terminal)

  Choose where streams go: your own server at callbackUrl answers {"transferUrls": ["${demo.rtmpUrl}/one"]}

    curl -u ${customer.customerId}:${customer.customerSecret} -X PATCH \\
      -H 'Content-Type: application/json' -d '${body}' \\
      ${settings}

  Publish from OBS: Settings > Stream > Service WHIP
    Server        ${demo.whipUrl.replace('{stream_name}', 'my-stream')}
    Bearer Token  ${demo.publishToken}

  Ctrl-C stops everything; data stays in .manycast/ (delete it to start afresh).
`);
}
