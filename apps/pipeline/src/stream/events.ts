import type { PipelineEvents } from '#libs/protocol';

/** Tells the worker, while one is connected. */
export type Send = <E extends keyof PipelineEvents>(event: E, body: PipelineEvents[E]) => void;
