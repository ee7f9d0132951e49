// Settings of an entry point, and its callbacks.
import { RotateCallbackSecret } from '../../settings/settings.dto.js';
import { ENTRY_POINT, ifMatch, page, pageOf, streamId, type Operation } from '../operation.js';
import { bodyOf } from '../request.js';
import { listOf, record, ref } from '../schema.js';

export const settings: Operation[] = [
  {
    method: 'get',
    path: `${ENTRY_POINT}/settings/transfer`,
    tag: 'Transfer settings',
    summary: 'Read (as Agora)',
    answers: { 200: ref('TransferSettings') },
    headersOut: { 200: ['ETag'] },
  },
  {
    method: 'patch',
    path: `${ENTRY_POINT}/settings/transfer`,
    tag: 'Transfer settings',
    summary: 'Change (as Agora)',
    body: ref('UpdateTransferSettings'),
    headers: ifMatch,
    answers: { 200: ref('TransferSettings') },
    headersOut: { 200: ['ETag'] },
    refusals: [412],
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/settings/transfer/test`,
    tag: 'Transfer settings',
    summary: 'Send a real callback, and show what would be forwarded',
    body: ref('TestTransfer'),
    answers: { 200: ref('TestResult') },
    refusals: [409],
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/settings/transfer/secrets`,
    tag: 'Transfer settings',
    summary: 'Secrets that sign the callbacks, without the secrets',
    answers: { 200: record({ secrets: listOf(ref('CallbackSecret')) }) },
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/settings/transfer/secrets/rotate`,
    tag: 'Transfer settings',
    summary: 'Make a new signing secret',
    body: bodyOf(RotateCallbackSecret),
    answers: { 201: ref('NewCallbackSecret') },
    refusals: [409],
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/callbacks`,
    tag: 'Transfer settings',
    summary: 'What your server answered, attempt by attempt',
    query: { ...page, ...streamId },
    answers: { 200: pageOf('deliveries', 'Delivery') },
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/callbacks/{deliveryId}/replay`,
    tag: 'Transfer settings',
    summary: 'Ask again where the stream of a delivery goes',
    answers: { 202: null },
    refusals: [409],
  },
];
