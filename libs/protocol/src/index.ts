export * from './operations.js';
export * from './pipeline.js';
