// Every operation of the API. A test drives each of them, and every answer that any test gets is held against this.
import type { Operation } from './operation.js';
import { agora } from './operations/agora.js';
import { push } from './operations/flashphoner.js';
import { operator } from './operations/operator.js';
import { settings } from './operations/settings.js';
import { streams } from './operations/streams.js';
import { customers, projects, session } from './operations/tenants.js';
import { whip } from './operations/whip.js';

export type { Operation };

export const OPERATIONS: Operation[] = [
  ...projects,
  ...settings,
  ...streams,
  ...whip,
  ...push,
  ...agora,
  ...customers,
  ...session,
  ...operator,
];
