export * from './names.js';
export { QueueModule } from './queue.module.js';
export { REDIS } from './redis.js';
export { FIGURES_TTL_MS, Registry, type NodeStatus, type StreamOnNode } from './registry.js';
export { NodeAbsent, Wire, WireError, WireTimeout } from './wire.js';
