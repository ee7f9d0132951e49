// WHIP (RFC 9725).
import type { Operation } from '../operation.js';
import { text } from '../schema.js';

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const WHIP = '/whip/{appid}/{entryPoint}/{streamName}';
const SESSION = '/whip/sessions/{session}';
const signedUrl = {
  token: text('Passed on to the server of settings/streamauth/webhook.'),
  ts: text('Of a signed publish URL: Unix time, s, up to which it is good.'),
  sign: text('`md5(authKey + "/{entryPoint}/{streamName}" + ts)`'),
};
export const whip: Operation[] = [
  {
    method: 'post',
    path: WHIP,
    tag: 'WHIP',
    summary: 'Publish (RFC 9725), with a publish token as Bearer token or a signed URL',
    query: signedUrl,
    headers: {
      'Manycast-Rtmp-Url': text(
        'An RTMP URL to push to as well, where the settings let publishers do so; Manycast-Rtmp-Error says why it is not.',
      ),
    },
    requestMediaType: SDP,
    answers: { 201: text() },
    mediaType: SDP,
    headersOut: { 201: ['Location', 'ETag', 'Accept-Patch', 'Link', 'Manycast-Rtmp-Error'] },
    refusals: [401, 403, 406, 409, 413, 415, 422, 429, 504],
    isPublic: true,
  },
  { method: 'get', path: WHIP, tag: 'WHIP', summary: 'Reserved by RFC 9725', answers: { 204: null }, isPublic: true },
  {
    method: 'delete',
    path: WHIP,
    tag: 'WHIP',
    summary: 'End what the same token or signed URL has begun under this name',
    query: signedUrl,
    answers: { 200: null },
    refusals: [401, 403, 410, 429],
    isPublic: true,
  },
  {
    method: 'options',
    path: WHIP,
    tag: 'WHIP',
    summary: 'CORS and ICE servers',
    answers: { 200: null },
    headersOut: { 200: ['Accept-Post', 'Link'] },
    isPublic: true,
  },
  {
    method: 'patch',
    path: SESSION,
    tag: 'WHIP',
    summary: 'Candidates, or an ICE restart',
    requestMediaType: FRAGMENT,
    answers: { 200: text(), 204: null },
    mediaType: FRAGMENT,
    headersOut: { 200: ['ETag'] },
    refusals: [409, 410, 412, 413, 415, 422, 428, 429, 504],
    isPublic: true,
  },
  {
    method: 'get',
    path: SESSION,
    tag: 'WHIP',
    summary: 'Whether the session runs',
    answers: { 204: null },
    refusals: [410, 429],
    isPublic: true,
  },
  {
    method: 'delete',
    path: SESSION,
    tag: 'WHIP',
    summary: 'End the session',
    answers: { 200: null },
    refusals: [410, 429],
    isPublic: true,
  },
  {
    method: 'options',
    path: SESSION,
    tag: 'WHIP',
    summary: 'CORS',
    answers: { 200: null },
    headersOut: { 200: ['Accept-Patch'] },
    isPublic: true,
  },
];
