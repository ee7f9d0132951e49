export * from './names.js';
export { QueueModule } from './queue.module.js';
export { REDIS } from './redis.js';
export { Registry, type NodeStatus } from './registry.js';
export { NodeAbsent, Wire, WireError, WireTimeout } from './wire.js';
