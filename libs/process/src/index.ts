export * from './last-resort.js';
