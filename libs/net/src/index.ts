export * from './addresses.js';
export * from './lookup.js';
