// Not sandbox.ts and tcp.ts: they load a native addon, which only the few that import `#libs/process/sandbox` or `#libs/process/tcp` need.
export * from './deadline.js';
export * from './last-resort.js';
export * from './load-addon.js';
export * from './root.js';
