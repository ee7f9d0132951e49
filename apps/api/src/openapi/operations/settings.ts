// Settings of an entry point, and its callbacks.
import { DeliveryPage } from '../../callback/delivery.js';
import { DeliveryQuery } from '../../callback/delivery.query.js';
import {
  CallbackSecretsResponse,
  NewCallbackSecretResponse,
  RotateCallbackSecret,
  TestTransfer,
  TestTransferResponse,
  TransferSettingsResponse,
  UpdateTransferSettings,
} from '../../settings/settings.dto.js';
import { ENTRY_POINT, ifMatch, type Operation } from '../operation.js';
import { bodyOf, queryOf } from '../request.js';

export const settings: Operation[] = [
  {
    method: 'get',
    path: `${ENTRY_POINT}/settings/transfer`,
    tag: 'Transfer settings',
    summary: 'Read (as Agora)',
    answers: { 200: TransferSettingsResponse },
    headersOut: { 200: ['ETag'] },
  },
  {
    method: 'patch',
    path: `${ENTRY_POINT}/settings/transfer`,
    tag: 'Transfer settings',
    summary: 'Change (as Agora)',
    body: bodyOf(UpdateTransferSettings),
    headers: ifMatch,
    answers: { 200: TransferSettingsResponse },
    headersOut: { 200: ['ETag'] },
    refusals: [412],
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/settings/transfer/test`,
    tag: 'Transfer settings',
    summary: 'Send a real callback, and show what would be forwarded',
    body: bodyOf(TestTransfer),
    answers: { 200: TestTransferResponse },
    refusals: [409],
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/settings/transfer/secrets`,
    tag: 'Transfer settings',
    summary: 'Secrets that sign the callbacks, without the secrets',
    answers: { 200: CallbackSecretsResponse },
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/settings/transfer/secrets/rotate`,
    tag: 'Transfer settings',
    summary: 'Make a new signing secret',
    body: bodyOf(RotateCallbackSecret),
    answers: { 201: NewCallbackSecretResponse },
    refusals: [409],
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/callbacks`,
    tag: 'Transfer settings',
    summary: 'What your server answered, attempt by attempt',
    query: queryOf(DeliveryQuery),
    answers: { 200: DeliveryPage },
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
