import type { PrismaService } from '#libs/db';
import type { Registry } from '#libs/queue';
import type { LiveFigures } from '../streams/live-figures.js';
import type { FeedListener } from './feed-listener.js';
import { toMessage } from './sse.js';

/** Figures of more streams at once than a page can show help nobody; whoever looks at others names them. */
const MAX_STREAMS = 300;

/** A running stream that somebody wants the figures of: one of the newest of all, one of the newest of its project, or one that was named. */
interface WantedStream {
  id: string;
  ownerNode: string | null;
  projectId: string;
  as: 'all' | 'project' | 'named';
}

/** Sends the listeners the figures of running streams: one query and one read of Redis for all of them, and each view is made once. */
export async function sendFigures(
  prisma: PrismaService,
  registry: Registry,
  listeners: readonly FeedListener[],
): Promise<void> {
  const streams = await wantedStreams(prisma, listeners);
  const texts = new Map<string, string>();
  for (const [id, { input, transfers }] of await registry.figures<LiveFigures>(streams))
    texts.set(id, `${JSON.stringify(id)}:${JSON.stringify({ figures: input, transfers })}`);
  const lists = new Lists(streams);
  const views = new Map<string, Buffer>();
  for (const { view, projectId, figuresOf, to } of listeners) {
    let message = views.get(view);
    if (message === undefined) {
      const ids = figuresOf === undefined ? lists.newest(projectId) : lists.named(projectId, figuresOf);
      const each = ids.flatMap((id) => texts.get(id) ?? []);
      message = Buffer.from(toMessage('figures', `{"streams":{${each.join(',')}}}`));
      views.set(view, message);
    }
    to.send(message);
  }
}

/** The rows of what all of them want, in one statement. */
async function wantedStreams(prisma: PrismaService, listeners: readonly FeedListener[]): Promise<WantedStream[]> {
  const newestOf = new Set(listeners.filter(({ figuresOf }) => figuresOf === undefined).map((each) => each.projectId));
  const projects = [...newestOf].filter((projectId) => projectId !== null);
  const named = [...new Set(listeners.flatMap(({ figuresOf }) => figuresOf ?? []))];
  // The state as a literal, for the partial indexes.
  return prisma.$queryRaw`
    (SELECT id, owner_node AS "ownerNode", project_id AS "projectId", 'all' AS "as"
      FROM streams WHERE ${newestOf.has(null)} AND state <> 'ended' ORDER BY id DESC LIMIT ${MAX_STREAMS})
    UNION ALL
    SELECT newest.id, newest.owner_node, wanted.project_id, 'project'
      FROM unnest(${projects}::text[]) AS wanted (project_id)
      CROSS JOIN LATERAL (SELECT id, owner_node FROM streams
        WHERE state <> 'ended' AND project_id = wanted.project_id ORDER BY id DESC LIMIT ${MAX_STREAMS}) AS newest
    UNION ALL
    SELECT id, owner_node, project_id, 'named' FROM streams WHERE id = ANY(${named}::uuid[]) AND state <> 'ended'`;
}

/** Which streams are in which view. */
class Lists {
  private readonly newestOf = new Map<string | null, string[]>();
  private readonly projectOf = new Map<string, string>();

  constructor(streams: readonly WantedStream[]) {
    for (const { id, projectId, as } of streams) {
      if (as === 'named') this.projectOf.set(id, projectId);
      else this.add(as === 'all' ? null : projectId, id);
    }
  }

  newest(projectId: string | null): readonly string[] {
    return this.newestOf.get(projectId) ?? [];
  }

  /** Those of them that run and are of this project. */
  named(projectId: string | null, ids: readonly string[]): string[] {
    return ids.filter((id) => {
      const its = this.projectOf.get(id);
      return its !== undefined && (projectId === null || its === projectId);
    });
  }

  private add(projectId: string | null, id: string): void {
    const ids = this.newestOf.get(projectId);
    if (ids === undefined) this.newestOf.set(projectId, [id]);
    else ids.push(id);
  }
}
