import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '../paths.mjs';
import { runStep } from '../step.mjs';

const BUILD = 'build/sanitize';
const OPTIONS = {
  // What Node and GStreamer keep until the process ends is no leak of ours; V8 has handlers of its own for SIGSEGV, and links its own `new`.
  ASAN_OPTIONS:
    'detect_leaks=0:allow_user_segv_handler=1:alloc_dealloc_mismatch=0:detect_odr_violation=0:quarantine_size_mb=64',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  // GLib's own allocator would hide what is freed from them.
  G_SLICE: 'always-malloc',
};

/** A library of this compiler, which must be the first that a process loads. */
const runtime = (name) =>
  execFileSync(process.env.CC ?? 'gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();

/** Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer. Throws StepError where the compiler has none. */
export async function buildSanitized() {
  await runStep({
    title: 'Compiling the native addons with sanitizers (make)',
    log: 'addon-sanitize',
    command: ['make', '-C', join(ROOT, 'libs'), 'sanitize'],
  });
}

/** Runs a script with that build of the addon, its output on ours. Resolves with its exit code; 1 for a signal. */
export async function runSanitized(script, args) {
  const preload = ['libasan.so', 'libubsan.so'].map(runtime).join(' ');
  const child = spawn(process.execPath, [script, ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...OPTIONS, LD_PRELOAD: preload, ADDON_BUILD: BUILD },
  });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}
