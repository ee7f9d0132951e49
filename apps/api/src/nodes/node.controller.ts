import { Controller, Get } from '@nestjs/common';
import { type NodeStatus, Registry } from '#libs/queue';
import { OperatorOnly } from '../auth/caller.js';

/** Worker nodes, for operators. */
@OperatorOnly()
@Controller('v1/nodes')
export class NodeController {
  constructor(private readonly registry: Registry) {}

  @Get()
  async list(): Promise<{ nodes: NodeStatus[] }> {
    return { nodes: (await this.registry.nodes()).toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1)) };
  }
}
