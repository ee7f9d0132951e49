import { expect, it } from 'vitest';
import { TransferUrl } from '#libs/transfer';
import { describeStatus, withoutSecrets } from './without-secrets.js';

const target = TransferUrl.parse(
  'rtmps://us%C3%A9r:p%40ss%2Fword@a.example/app?ticket=app-t1cket/k%2Fey-1?sig=s1gnature&v=2&e=a%20b%20c',
).target;

it.each([
  ['bad key k%2Fey-1?sig=s1gnature&v=2&e=a%20b%20c given', 'bad key *** given'],
  ['bad key k%2Fey-1 given', 'bad key *** given'],
  ['bad key k/ey-1 given', 'bad key *** given'],
  ['bad key k%252Fey-1%3Fsig%3Ds1gnature%26v%3D2%26e%3Da%2520b%2520c given', 'bad key *** given'],
  ['query sig=s1gnature&v=2&e=a%20b%20c', 'query ***'],
  ['signature s1gnature is wrong', 'signature *** is wrong'],
  ['value a b c is wrong', 'value *** is wrong'],
  ['app?ticket=app-t1cket is unknown', 'app?*** is unknown'],
  ['ticket app-t1cket', 'ticket ***'],
  ['user usér', 'user ***'],
  ['user us%C3%A9r', 'user ***'],
  ['password p@ss/word or p%40ss%2Fword', 'password *** or ***'],
  ['k%2Fey\u0000-1 hidden', '*** hidden'],
  ['k%2Fey\u200b-1 hidden', '*** hidden'],
  ['a\r\nforged: line\u001b[31m', 'a forged: line[31m'],
  ['[ AccessManager.Reject ] : ?reason=needauth&salt=abc&challenge=def', '[ AccessManager.Reject ] :'],
  ['version 2 of 3', 'version 2 of 3'],
])('of %j is %j', (text, expected) => expect(withoutSecrets(text, target)).toBe(expected));

it('masks what servers that redirected were told', () => {
  const from = TransferUrl.parse('rtmp://p.example/app/instSECRET1/key1234567?sig=QUERYSECRET42').target;
  const to = { ...TransferUrl.parse('rtmp://edge.example/live/key1234567?x=1').target, redirectedFrom: from };
  expect(withoutSecrets('bad: instSECRET1 key1234567 QUERYSECRET42', to)).toBe('bad: *** *** ***');
});

it("masks a key in the application's place", () => {
  expect(
    withoutSecrets(
      'no such app live_123456_SeCrEtKeY',
      TransferUrl.parse('rtmp://a.example/live_123456_SeCrEtKeY?bandwidthtest=true').target,
    ),
  ).toBe('no such app ***');
});

it('is short, and cut only after masking', () => {
  expect(withoutSecrets('x'.repeat(100_000), target)).toHaveLength(200);
  expect(withoutSecrets(`${'x'.repeat(195)}k%2Fey-1`, target)).not.toContain('k%2');
  expect(withoutSecrets(`${'x'.repeat(199)}😀`, target).isWellFormed()).toBe(true);
});

const publishing = TransferUrl.parse(
  'rtmps://user:Passw0rd@a.example/live/1nstance/Stream-Key-42/?Name=Valu3-1&x=0',
).target;

it.each([
  ['STREAM-KEY-42 is unknown', '*** is unknown'],
  ['stream%2dkey%2d42 is unknown', '*** is unknown'],
  ['eam-key-42 is unknown', '*** is unknown'],
  ['Stream-K... is unknown', '***... is unknown'],
  ['valu3-1 of 1NSTANCE', '*** of ***'],
  ['PASSW0RD of USER', '*** of ***'],
  [Buffer.from('Stream-Key-42').toString('base64'), '***'],
  ['app live of _definst_', 'app live of _definst_'],
])('of %j is %j', (text, shown) => expect(withoutSecrets(text, publishing)).toBe(shown));

it.each([
  ['NetStream.Publish.BadName', 'Stream-Key-42 is in use', 'NetStream.Publish.BadName: *** is in use'],
  ['NetStream.Stream-Key-42', '', 'NetStream.***'],
  ['', 'no', 'no'],
  ['', '', undefined],
])('a status %j, %j is %j', (code, description, shown) =>
  expect(describeStatus({ level: 'error', code, description, redirect: null }, publishing)).toBe(shown),
);

it('a code that servers have does not depend on the key', () => {
  const named = TransferUrl.parse('rtmp://a.example/live/NetStream').target;
  expect(
    describeStatus(
      { level: 'error', code: 'NetStream.Publish.BadName', description: 'NetStream', redirect: null },
      named,
    ),
  ).toBe('NetStream.Publish.BadName: ***');
});
