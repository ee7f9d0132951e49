/** What we use of autocannon, which brings no types. */
declare module 'autocannon' {
  export interface Options {
    url: string;
    connections?: number;
    /** Seconds. */
    duration?: number;
    method?: string;
    body?: string;
    headers?: Record<string, string>;
  }

  export interface Result {
    non2xx: number;
    errors: number;
    /** In a second. */
    requests: { average: number; total: number };
    /** Ms. */
    latency: { p99: number };
  }

  export default function autocannon(options: Options): Promise<Result>;
}
