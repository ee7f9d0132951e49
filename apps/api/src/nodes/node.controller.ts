import { Controller, Get } from '@nestjs/common';
import { Registry } from '#libs/queue';
import { OperatorOnly } from '../auth/caller.js';
import type { NodesResponse } from './node.response.js';

/** Worker nodes, for operators. */
@OperatorOnly()
@Controller('v1/nodes')
export class NodeController {
  constructor(private readonly registry: Registry) {}

  @Get()
  async list(): Promise<NodesResponse> {
    return { nodes: (await this.registry.nodes()).toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1)) };
  }
}
