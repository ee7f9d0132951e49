import { Injectable, Logger } from '@nestjs/common';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { addressRules, Env } from '#libs/config';
import type { ProbeQuestion, ProbeResult } from '#libs/protocol';
import type { TransferOptions, TransferUrl } from '#libs/transfer';

/** Each takes 40 MB and, at its start, 200 ms of CPU. One test tries 5 platforms at a time. */
const AT_ONCE = 8;
/** A place that comes later leaves too little of the deadline. */
const WAIT_MS = 5000;
/** The API waits for 12 s. The probe itself gives up after 10 s, if it can. */
const DEADLINE_MS = 11_500;
/** A result has some hundred bytes. */
const MAX_OUTPUT = 64 * 1024;
/** Settings are told with the question; secrets are not for it. */
const PASSED_ON = /^(PATH|HOME|LANG|TZ|NODE_DEBUG|LD_LIBRARY_PATH|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/;

/** Tries platforms without publishing to them, each in a process of its own that is ended when it takes too long. */
@Injectable()
export class Prober {
  /** The program that is a probe; tests put others here that never end. */
  file = join(import.meta.dirname, '../../../pipeline/src/probe/main.js');
  deadlineMs = DEADLINE_MS;
  private readonly logger = new Logger(Prober.name);
  private readonly rules: string;
  private readonly running = new Set<ChildProcess>();
  private places = AT_ONCE;
  private readonly waiting = new Set<() => void>();

  constructor(env: Env) {
    this.rules = addressRules(env);
  }

  /** Always resolves; `service_error` when it could not be tried. */
  async probe({ target }: TransferUrl, options: TransferOptions): Promise<ProbeResult> {
    const began = performance.now();
    const end = (code: string, detail: string | null): ProbeResult => ({
      code,
      detail,
      ms: Math.round(performance.now() - began),
    });
    if (!(await this.place()))
      return end('service_error', 'too many platforms are being tried; try again in some seconds');
    try {
      const output = await this.run(
        { target, options, rules: this.rules },
        this.deadlineMs - (performance.now() - began),
      );
      return output === null ? end('publish_timeout', null) : (JSON.parse(output) as ProbeResult);
    } catch (error) {
      this.logger.warn(`probe: ${String(error)}`);
      return end('service_error', null);
    } finally {
      this.free();
    }
  }

  /** Ends what is running. */
  abort(): void {
    for (const child of this.running) child.kill('SIGKILL');
  }

  /** What the process wrote; null when it took too long. Rejects when it failed. */
  private run(question: ProbeQuestion, deadlineMs: number): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => PASSED_ON.test(key)));
      const child = spawn(process.execPath, ['--max-old-space-size=64', this.file], {
        stdio: ['pipe', 'pipe', 'ignore'],
        env,
      });
      this.running.add(child);
      let output = '';
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        child.kill('SIGKILL');
      }, deadlineMs);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.length > MAX_OUTPUT) child.kill('SIGKILL');
      });
      // It may end before it has read its question, or written its answer.
      child.stdin.on('error', () => undefined);
      child.stdout.on('error', () => undefined);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        this.running.delete(child);
        if (isLate) resolve(null);
        else if (code === 0) resolve(output);
        else reject(new Error(`its process ended (${signal ?? code})`));
      });
      child.stdin.end(JSON.stringify(question));
    });
  }

  /** False when none came free in time. */
  private place(): Promise<boolean> {
    if (this.places > 0) {
      this.places -= 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const take = (): void => {
        clearTimeout(timer);
        this.waiting.delete(take);
        resolve(true);
      };
      const timer = setTimeout(
        () => {
          this.waiting.delete(take);
          resolve(false);
        },
        Math.min(WAIT_MS, this.deadlineMs / 2),
      );
      this.waiting.add(take);
    });
  }

  /** The place goes to who has waited longest. */
  private free(): void {
    const [next] = this.waiting;
    if (next) next();
    else this.places += 1;
  }
}
