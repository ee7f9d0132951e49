// The REST API, asked by customers and an operator.
import { afterAll, beforeAll } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './app.js';

export let api: TestApp;
export let alice: TestCustomer;
export let bob: TestCustomer;
export let operator: TestCustomer;

export const settings = (who: TestCustomer, entryPoint = 'live') =>
  `/v1/projects/${who.appid}/fls/entry_points/${entryPoint}/settings/transfer`;

/** Starts an API with two customers and an operator for the calling file. */
export function useRestApi(): void {
  beforeAll(async () => {
    api = await startApp();
    [alice, bob, operator] = await Promise.all([api.customer(), api.customer(), api.customer('operator')]);
  });
  afterAll(() => api?.stop());
}
