import { cpus } from 'node:os';

/** How busy the machine is, all cores together, between two readings: 0 to 1. */
export class CpuLoad {
  private before = times();

  read(): number {
    const now = times();
    const [busy, all] = [now.busy - this.before.busy, now.all - this.before.all];
    this.before = now;
    return all > 0 ? Math.round((busy / all) * 100) / 100 : 0;
  }
}

function times(): { busy: number; all: number } {
  const all = cpus()
    .flatMap(({ times: each }) => Object.values(each))
    .reduce((a, b) => a + b, 0);
  const idle = cpus().reduce((sum, { times: each }) => sum + each.idle, 0);
  return { busy: all - idle, all };
}
