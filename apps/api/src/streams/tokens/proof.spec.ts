import { expect, it } from 'vitest';
import { tokenProof } from './proof.js';

it('is the same for every spelling of a token', () => {
  // 32 bytes are 43 letters; of the last one, two bits mean nothing.
  const signature = Buffer.alloc(32, 7).toString('base64url');
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = letters.indexOf(signature.at(-1) as string);
  const spellings = [0, 1, 2, 3].map((bits) => signature.slice(0, -1) + letters[(last & ~3) | bits]);
  const proofs = [...spellings, `${signature}=`].map((spelling) => tokenProof(`head.body.${spelling}`));
  expect(new Set(spellings).size).toBe(4);
  expect(new Set(proofs).size).toBe(1);
});

it('is another one for another token', () => {
  expect(tokenProof('head.body.AAAA')).not.toBe(tokenProof('head.bodz.AAAA'));
  expect(tokenProof('head.body.AAAA')).not.toBe(tokenProof('head.body.AAAB'));
});
