export * from './deadline.js';
export * from './last-resort.js';
export * from './root.js';
