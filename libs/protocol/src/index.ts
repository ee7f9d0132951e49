export * from './check.js';
export * from './operations.js';
export * from './pipeline.js';
export * from './session-times.js';
