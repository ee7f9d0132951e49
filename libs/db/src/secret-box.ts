import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts column values with AES-256-GCM under a ring of master keys from the environment, so that a stolen database
 * gives nothing away. The first key encrypts, every key decrypts: a new key is put in front, old ones stay until
 * nothing uses them. `context` (e.g. `credential:<id>`) is authenticated: a value copied to another row does not open.
 */
export class SecretBox {
  private readonly keys = new Map<string, Buffer>();
  private readonly current: string;
  /** The current key's first. */
  private readonly hashKeys: Buffer[];

  /** @param masterKeys `<id>:<base64 of 32 bytes>`, comma separated (MASTER_KEYS). */
  constructor(masterKeys: string) {
    for (const entry of masterKeys.split(',')) {
      const [id, key] = entry.split(/:(.*)/s) as [string, string];
      this.keys.set(id, Buffer.from(key, 'base64'));
    }
    const [first] = this.keys.keys();
    if (first === undefined) throw new Error('MASTER_KEYS is empty');
    this.current = first;
    this.hashKeys = [...this.keys.values()].map((key) =>
      Buffer.from(hkdfSync('sha256', key, '', 'manycast lookup hash', 32)),
    );
  }

  /** Id of the key that encrypts. */
  get currentKey(): string {
    return this.current;
  }

  /** Returns `v1.<key id>.<base64url of iv, tag, ciphertext>`. */
  seal(plain: string, context: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key(this.current), iv);
    cipher.setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return `v1.${this.current}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`;
  }

  /** Throws when the key is unknown, the context differs, or the value was changed. */
  open(sealed: string, context: string): string {
    const [version, id, payload] = sealed.split('.');
    if (version !== 'v1' || id === undefined || payload === undefined) throw new Error('not a sealed value');
    const bytes = Buffer.from(payload, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.key(id), bytes.subarray(0, IV_BYTES));
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  }

  /** A keyed hash, to be kept: by it equal values are found without opening them. */
  hash(plain: string): string {
    return this.hashes(plain)[0] as string;
  }

  /** Every hash that may have been kept of this value, under each of the keys. */
  hashes(plain: string): string[] {
    return this.hashKeys.map((key) => createHmac('sha256', key).update(plain).digest('base64url'));
  }

  private key(id: string): Buffer {
    const key = this.keys.get(id);
    if (key === undefined) throw new Error(`MASTER_KEYS has no key "${id}", which this database was written with`);
    return key;
  }
}
