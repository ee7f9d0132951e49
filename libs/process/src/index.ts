export * from './deadline.js';
export * from './last-resort.js';
