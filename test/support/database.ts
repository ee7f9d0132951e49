import { inject } from 'vitest';
import { cloneDatabase, type TestDatabase } from './clone-database.js';
import './global-setup.js';

/** A database of the caller's own: see `cloneDatabase`. */
export const createTestDatabase = (): Promise<TestDatabase> =>
  cloneDatabase({ adminUrl: inject('adminUrl'), templateDb: inject('templateDb') });
