export * from './addresses.js';
export * from './callback.js';
export * from './names.js';
export * from './options.js';
export * from './push-url.js';
export * from './reasons.js';
export * from './retry.js';
export * from './transfer-url.js';
