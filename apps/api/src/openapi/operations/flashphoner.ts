// Flashphoner's API.
import { PushSettingsResponse, UpdatePushSettings } from '../../flashphoner/republish/push-settings.dto.js';
import { PushFilter, PushId, PushSound, PushStartup, TransponderResponse } from '../../flashphoner/rest/push.shapes.js';
import { ENTRY_POINT, type Operation } from '../operation.js';
import { bodyOf } from '../request.js';
import { listOf } from '../schema.js';

const PUSH = '/rest-api/push';
export const push: Operation[] = [
  {
    method: 'get',
    path: `${ENTRY_POINT}/settings/push`,
    tag: 'Flashphoner',
    summary: 'Settings of republishing',
    answers: { 200: PushSettingsResponse },
  },
  {
    method: 'patch',
    path: `${ENTRY_POINT}/settings/push`,
    tag: 'Flashphoner',
    summary: 'Change them',
    body: bodyOf(UpdatePushSettings),
    answers: { 200: PushSettingsResponse },
  },
  {
    method: 'post',
    path: `${PUSH}/startup`,
    tag: 'Flashphoner',
    summary: 'Republish a running stream',
    body: PushStartup,
    answers: { 200: TransponderResponse },
  },
  {
    method: 'post',
    path: `${PUSH}/find`,
    tag: 'Flashphoner',
    summary: 'By name and URL',
    body: PushFilter,
    answers: { 200: listOf(TransponderResponse) },
  },
  {
    method: 'get',
    path: `${PUSH}/find_all`,
    tag: 'Flashphoner',
    summary: 'All',
    answers: { 200: listOf(TransponderResponse) },
  },
  {
    method: 'post',
    path: `${PUSH}/find_all`,
    tag: 'Flashphoner',
    summary: 'All',
    body: PushFilter,
    answers: { 200: listOf(TransponderResponse) },
  },
  ...['terminate', 'mute', 'unmute', 'sound_off'].map((name): Operation => ({
    method: 'post',
    path: `${PUSH}/${name}`,
    tag: 'Flashphoner',
    summary: name,
    body: PushId,
    answers: { 200: null },
  })),
  {
    method: 'post',
    path: `${PUSH}/sound_on`,
    tag: 'Flashphoner',
    summary: 'Insert a sound',
    body: PushSound,
    answers: { 200: null },
  },
];
