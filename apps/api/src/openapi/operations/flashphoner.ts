// Flashphoner's API.
import { ENTRY_POINT, type Operation } from '../operation.js';
import { listOf, ref } from '../schema.js';

const PUSH = '/rest-api/push';
export const push: Operation[] = [
  {
    method: 'get',
    path: `${ENTRY_POINT}/settings/push`,
    tag: 'Flashphoner',
    summary: 'Settings of republishing',
    answers: { 200: ref('PushSettings') },
  },
  {
    method: 'patch',
    path: `${ENTRY_POINT}/settings/push`,
    tag: 'Flashphoner',
    summary: 'Change them',
    body: ref('UpdatePushSettings'),
    answers: { 200: ref('PushSettings') },
  },
  {
    method: 'post',
    path: `${PUSH}/startup`,
    tag: 'Flashphoner',
    summary: 'Republish a running stream',
    body: ref('PushStartup'),
    answers: { 200: ref('Transponder') },
  },
  {
    method: 'post',
    path: `${PUSH}/find`,
    tag: 'Flashphoner',
    summary: 'By name and URL',
    body: ref('PushFilter'),
    answers: { 200: listOf(ref('Transponder')) },
  },
  {
    method: 'get',
    path: `${PUSH}/find_all`,
    tag: 'Flashphoner',
    summary: 'All',
    answers: { 200: listOf(ref('Transponder')) },
  },
  {
    method: 'post',
    path: `${PUSH}/find_all`,
    tag: 'Flashphoner',
    summary: 'All',
    body: ref('PushFilter'),
    answers: { 200: listOf(ref('Transponder')) },
  },
  ...['terminate', 'mute', 'unmute', 'sound_off'].map((name): Operation => ({
    method: 'post',
    path: `${PUSH}/${name}`,
    tag: 'Flashphoner',
    summary: name,
    body: ref('PushId'),
    answers: { 200: null },
  })),
  {
    method: 'post',
    path: `${PUSH}/sound_on`,
    tag: 'Flashphoner',
    summary: 'Insert a sound',
    body: ref('PushSound'),
    answers: { 200: null },
  },
];
