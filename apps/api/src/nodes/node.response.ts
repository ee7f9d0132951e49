import { component, decimal, flag, listOf, record, text, time, whole, type Shape } from '../openapi/schema.js';

const NodeResponse = component(
  'Node',
  record({
    nodeId: text(),
    slots: whole(),
    used: whole(),
    draining: flag('Takes no new streams.'),
    cpu: decimal('Of all cores of its machine, 0 to 1.'),
    version: text(),
    startedAt: time(),
  }),
);
export const NodesResponse = record({ nodes: listOf(NodeResponse) });
export type NodesResponse = Shape<typeof NodesResponse>;
