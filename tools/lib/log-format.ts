import { colour, type Style } from './terminal.ts';

const LEVELS: Record<number, [label: string, style: Style]> = {
  10: ['trace', 'dim'],
  20: ['debug', 'dim'],
  30: ['info ', 'green'],
  40: ['warn ', 'yellow'],
  50: ['error', 'red'],
  60: ['fatal', 'red'],
};
// Who wrote the line is in its prefix already.
const HIDDEN = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'v']);

/** One line of a process as a person reads it: pino's JSON becomes `time level [process] message key=value`. */
export function formatLog(name: string, line: string, nameColour: Style = 'cyan'): string {
  const prefix = colour(nameColour, `[${name}]`);
  const entry = parse(line);
  if (!entry) return `${clock(Date.now())}       ${prefix} ${line}`;
  const [level, style] = LEVELS[entry.level] ?? [String(entry.level), 'reset' as const];
  const head = `${clock(entry.time)} ${colour(style, level)} ${prefix} ${entry.msg ?? ''}`;
  const stack = entry.err?.stack;
  const pairs = Object.entries(entry)
    .filter(([key]) => !HIDDEN.has(key) && !(key === 'err' && stack))
    .map(([key, value]) => colour('dim', `${key}=${text(value)}`));
  return [[head, ...pairs].join(' '), ...(stack ? [stack.replace(/^/gm, '    ')] : [])].join('\n');
}

interface Entry {
  level: number;
  time: number;
  msg?: string;
  err?: { stack?: string };
  [key: string]: unknown;
}

function parse(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry = JSON.parse(line) as Entry;
    return typeof entry.level === 'number' ? entry : undefined;
  } catch (error) {
    // Half a line of a process that was killed: shown as it came.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function text(value: unknown): string {
  const written = typeof value === 'string' ? value : JSON.stringify(value);
  return typeof value === 'string' && /[\s"=]|^$/.test(value) ? JSON.stringify(value) : written;
}

function clock(time: number): string {
  const date = new Date(time);
  const two = (number: number, width = 2) => String(number).padStart(width, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`;
}
