// Requests as fast as they are answered.
import autocannon, { type Options } from 'autocannon';
import type { Cpu } from './processes.ts';

/** Requests in a second, and the time in ms within which 99 % of them were answered. */
export interface Rate {
  rate: number;
  p99: number;
  /** CPU time of each process group for one request, ms. */
  cpu: Cpu;
}
export async function load(options: Options): Promise<Omit<Rate, 'cpu'> & { count: number }> {
  const result = await autocannon(options);
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} errors`);
  return { rate: result.requests.average, p99: result.latency.p99, count: result.requests.total };
}
