import { expect, it } from 'vitest';
import { parseIceServers } from './link-header.js';

it.each([
  ['nothing', null, []],
  ['STUN', '<stun:stun.example:3478>; rel="ice-server"', [{ urls: 'stun:stun.example:3478' }]],
  [
    'TURN with credentials that hold the separators, several in one header, as fetch joins them',
    '<stun:stun.example>; rel=ice-server, <turn:turn.example?transport=udp>; rel="ice-server"; username="u,;1"; credential="a \\"b\\" <c>"; credential-type="password"',
    [
      { urls: 'stun:stun.example' },
      { urls: 'turn:turn.example?transport=udp', username: 'u,;1', credential: 'a "b" <c>' },
    ],
  ],
  ['one relation of several', '<turns:t.example>; REL="next ice-server"', [{ urls: 'turns:t.example' }]],
  ['other links', '</next>; rel="next", <https://x.example>; rel="ice-server"', []],
  [
    'an empty credential',
    '<turn:t.example>; rel="ice-server"; username=u; credential=""',
    [{ urls: 'turn:t.example', username: 'u', credential: '' }],
  ],
])('finds the ICE servers in %s', (_, header, servers) => {
  expect(parseIceServers(header)).toEqual(servers);
});
