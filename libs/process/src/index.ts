export * from './deadline.js';
export * from './last-resort.js';
export * from './load-addon.js';
export * from './root.js';
