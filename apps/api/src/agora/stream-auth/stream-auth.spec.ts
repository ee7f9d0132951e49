import { describe, expect, it } from 'vitest';
import { TransferError } from '#libs/transfer';
import { signatureHeaders, verdictOf } from './stream-auth.js';
import { completeUrl } from './stream-auth.dto.js';

describe('verdict', () => {
  it.each([
    [200, null, 'ok'],
    [401, new TransferError('callback_status'), 'stream_auth_denied'],
    [403, new TransferError('callback_status'), 'stream_auth_denied'],
    [500, new TransferError('callback_status'), 'callback_status'],
    [204, new TransferError('callback_status'), 'callback_status'],
    [302, new TransferError('callback_redirect'), 'callback_redirect'],
    [null, new TransferError('callback_timeout'), 'callback_timeout'],
  ])('%s is %s', (status, failure, verdict) => {
    expect(verdictOf({ status, failure })).toBe(verdict);
  });
});

it("signs as Agora's notifications are signed (its own example)", () => {
  const body =
    '{"eventMs":1560408533119,"eventType":10,"noticeId":"4eb720f0-8da7-11e9-a43e-53f411c2761f","notifyMs":1560408533119,"payload":{"a":"1","b":2},"productId":1}';
  expect(signatureHeaders('secret', body)).toEqual({
    'agora-signature': '033c62f40f687675f17f0f41f91a40c71c0f134c',
    'agora-signature-v2': '6d3320c60b11101395b7fc8f9068748808a0aa1bfa064438e39d1bc2c7d74d99',
  });
  expect(signatureHeaders(null, body)).toEqual({});
});

it.each([
  ['www.test.com/auth/callback', 'https://www.test.com/auth/callback'],
  ['www.test.com:8443/auth', 'https://www.test.com:8443/auth'],
  ['http://a.example/', 'http://a.example/'],
  ['ftp://a.example/', 'ftp://a.example/'],
])('%s is %s', (given, url) => {
  expect(completeUrl(given)).toBe(url);
});
