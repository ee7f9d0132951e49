// A publisher's DTLS by OpenSSL's own program, over a path that ICE has opened (StunPeer).
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { selfSigned } from './self-signed.js';
import type { StunPeer } from './stun-peer.js';

export interface DtlsOptions {
  /** Who begins the handshake. */
  role: 'client' | 'server';
  /** Of SRTP, as OpenSSL names them; the first is preferred. */
  profiles: string;
  /** Bytes of keys and salts. */
  exported?: number;
  certificate?: ReturnType<typeof selfSigned>;
  /** Whether a record (its number, from us or from the other side) gets through. */
  passes?: (index: number, isOurs: boolean) => boolean;
}

export class DtlsPeer {
  /** What the program has written. */
  output = '';
  private records = { ours: 0, theirs: 0 };

  private constructor(
    private readonly program: ChildProcessWithoutNullStreams,
    private readonly inside: Socket,
    private readonly folder: string,
    readonly certificate: ReturnType<typeof selfSigned>,
  ) {
    for (const stream of [program.stdout, program.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    program.stdin.on('error', () => undefined);
    program.on('error', (error) => (this.output += error.message));
    inside.on('error', () => undefined);
  }

  /** `start` gets the path: it has been asked over. */
  static async open(options: DtlsOptions): Promise<DtlsPeer & { start: (peer: StunPeer) => void }> {
    const { role, profiles, exported = 60, certificate = selfSigned('peer'), passes = () => true } = options;
    const folder = await mkdtemp(join(tmpdir(), 'dtls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    await Promise.all([writeFile(key, certificate.key), writeFile(cert, certificate.cert)]);
    const inside = createSocket('udp4');
    await new Promise<void>((resolve) => inside.bind(0, '127.0.0.1', resolve));
    let port = role === 'server' ? await freePort() : 0;
    const way =
      role === 'server'
        ? ['s_server', '-verify', '1', '-port', `${port}`]
        : ['s_client', '-connect', `127.0.0.1:${inside.address().port}`];
    const keys = ['-keymatexport', 'EXTRACTOR-dtls_srtp', '-keymatexportlen', String(exported)];
    const program = spawn('openssl', [...way, '-dtls1_2', '-key', key, '-cert', cert, '-use_srtp', profiles, ...keys]);
    const self = new DtlsPeer(program, inside, folder, certificate);
    const early: Buffer[] = [];
    let send: (record: Buffer) => void = (record) => early.push(record);
    inside.on('message', (record, from) => {
      port = from.port;
      if (passes(self.records.theirs++, false)) send(record);
    });
    if (role === 'server') await new Promise((resolve) => program.stdout.once('data', resolve));
    const start = (peer: StunPeer): void => {
      send = (record) => peer.send(record);
      for (const record of early) send(record);
      peer.onRecord = (record) => {
        if (passes(self.records.ours++, true)) inside.send(record, port, '127.0.0.1');
      };
    };
    return Object.assign(self, { start });
  }

  /** What both sides derive their keys from; null before the handshake is done. */
  get material(): Buffer | null {
    const hex = /Keying material: ([0-9A-F]+)/.exec(this.output)?.[1];
    return hex === undefined ? null : Buffer.from(hex, 'hex');
  }

  get profile(): string | undefined {
    return /SRTP Extension negotiated, profile=(\S+)/.exec(this.output)?.[1];
  }

  /** Closes the connection. Only a client does: `s_server` closes its socket before it could say so. */
  sayGoodbye(): void {
    this.program.stdin.write('Q\n');
  }

  get hasEnded(): boolean {
    return this.program.exitCode !== null;
  }

  async close(): Promise<void> {
    this.program.kill('SIGKILL');
    this.inside.close();
    await rm(this.folder, { recursive: true });
  }
}
