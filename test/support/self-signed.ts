import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key and a certificate that nobody else has signed, as PEM. `altNames` as OpenSSL writes them: `DNS:a.example,IP:127.0.0.1`. */
export function selfSigned(name: string, altNames?: string): { key: string; cert: string } {
  const dir = mkdtempSync(join(tmpdir(), 'cert-'));
  try {
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const names = ['-subj', `/CN=${name}`, ...(altNames ? ['-addext', `subjectAltName=${altNames}`] : [])];
    const files = ['-keyout', join(dir, 'key'), '-out', join(dir, 'cert')];
    execFileSync('openssl', ['req', ...kind, ...names, ...files], { stdio: 'ignore' });
    return { key: readFileSync(join(dir, 'key'), 'utf8'), cert: readFileSync(join(dir, 'cert'), 'utf8') };
  } finally {
    rmSync(dir, { recursive: true });
  }
}
