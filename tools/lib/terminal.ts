// What the tools say to the person in front of them: plain lines for pipes and logs, colours and a spinner on a terminal.
import { stripVTControlCharacters, styleText } from 'node:util';

export type Style = Extract<Parameters<typeof styleText>[0], string>;

const tty = Boolean(process.stdout.isTTY);
const colours = tty && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

/** Text in a colour of node:util's styleText, on terminals that want it. */
export function colour(style: Style, text: string): string {
  return colours ? styleText(style, text) : text;
}

/** One plain line to stdout. */
export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Seconds since `started` (performance.now()), for people. */
export function since(started: number): string {
  const seconds = (performance.now() - started) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/**
 * Shows that something long goes on: a spinner with the last line of its output on a terminal, else a line at the
 * start, a sign of life every 15 s, and a line at the end.
 */
export function startProgress(title: string) {
  const started = performance.now();
  const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
  let last = '';
  let frame = 0;
  let spoken = started;

  function draw(): void {
    if (tty) {
      const head = `${frames[frame++ % frames.length]} ${title} (${since(started)}) `;
      const room = Math.max(0, (process.stdout.columns ?? 80) - head.length - 1);
      process.stdout.write(`\r\x1b[2K${colour('cyan', head)}${colour('dim', last.slice(0, room))}`);
    } else if (performance.now() - spoken > 15_000) {
      spoken = performance.now();
      say(`  ... ${since(started)}: ${last.slice(0, 150)}`);
    }
  }

  if (!tty) say(`- ${title}`);
  const timer = setInterval(draw, 100);
  timer.unref();
  return {
    /** Takes a piece of output; its last line is shown. */
    output(text: string): void {
      const lines = text.split(/[\r\n]+/).filter((line) => line.trim());
      // Only printable text: an escape sequence would draw outside the line.
      if (lines.length > 0)
        last = stripVTControlCharacters(lines.at(-1) ?? '')
          .replaceAll('\t', ' ')
          .trim();
    },
    /** Takes the line away again. */
    cancel(): void {
      clearInterval(timer);
      if (tty) process.stdout.write('\r\x1b[2K');
    },
    end(ok: boolean): void {
      clearInterval(timer);
      if (tty)
        process.stdout.write(
          `\r\x1b[2K${ok ? colour('green', '✓') : colour('red', '✗')} ${title} (${since(started)})\n`,
        );
      else say(`  ${ok ? 'done' : 'FAILED'} after ${since(started)}`);
    },
  };
}
