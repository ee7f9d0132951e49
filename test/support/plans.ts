// What Postgres really does for each statement that the product sends: auto_explain tells every connection the plan of what it has just run, of
// statements inside functions and foreign keys too, with the plan that a prepared statement has come to.
import { Client } from 'pg';

/** A node of a plan, as far as it is looked at. */
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Recheck Cond'?: string;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: PlanNode[];
}

/** One statement that ran. */
export interface Ran {
  /** In one line. */
  text: string;
  /** Pages of 8 kB that it looked at, in memory or on disk. */
  buffers: number;
  ms: number;
  /** Tables that it read without an index, beyond some pages. */
  scanned: string[];
  /** Its plan in short: the kinds of its nodes, with the indexes. */
  shape: string;
  /** It ran by the plan that is the same for all parameters. */
  isGeneric: boolean;
  /** It adds rows, or new versions of rows. */
  writes: boolean;
  /** The first call of a function over its connection: Postgres plans what is in it meanwhile, and reads its own tables for that. */
  isFirstCall: boolean;
}

/** A smaller table, a partition of this day, say, is read as a whole; and so is the beginning of a table where any row will do. */
const FEW_PAGES = 16;

const NOTICE = /^duration: ([\d.]+) ms {2}plan:\n(.*)$/s;

/** Settings of a database whose plans are told; connections have them from their beginning. For a superuser. */
export async function tellPlans(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const name = new URL(url).pathname.slice(1);
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_level': 'notice',
    'auto_explain.log_format': 'json',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_buffers': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_parameter_max_length': '0',
    // The level goes to the client; the server's own log stays as it is.
    client_min_messages: 'notice',
  };
  for (const [key, value] of Object.entries(settings))
    await client.query(`ALTER DATABASE ${name} SET ${key} = '${value}'`);
  await client.end();
}

/** Hears the plans of all connections that this process opens from now on. */
export class Plans {
  private readonly ran: Ran[] = [];
  private readonly restore: () => void;

  constructor() {
    const ran = this.ran;
    // oxlint-disable-next-line typescript/unbound-method -- it is applied to the client that is watched
    const connect = Client.prototype.connect;
    Client.prototype.connect = function (this: Client, ...args: unknown[]) {
      const called = new Set<string>();
      this.on('notice', ({ message }) => {
        const told = read(message ?? '');
        if (told === undefined) return;
        const { text, shape } = told;
        ran.push({ ...told, isFirstCall: shape === 'Result' && !called.has(text) });
        called.add(text);
      });
      return (connect as (...given: unknown[]) => unknown).apply(this, args) as never;
    };
    this.restore = () => {
      Client.prototype.connect = connect;
    };
  }

  /** What has run since the last call, in order. */
  take(): Ran[] {
    return this.ran.splice(0);
  }

  stop(): void {
    this.restore();
  }
}

function read(notice: string): Omit<Ran, 'isFirstCall'> | undefined {
  const [, ms, json] = NOTICE.exec(notice) ?? [];
  if (ms === undefined || json === undefined) return undefined;
  const { 'Query Text': text, Plan: plan } = JSON.parse(json) as { 'Query Text': string; Plan: PlanNode };
  const nodes = flat(plan);
  return {
    text: text.replaceAll('"public".', '').replace(/\s+/g, ' ').trim(),
    buffers: pagesOf(plan),
    ms: Number(ms),
    scanned: nodes.flatMap((node) =>
      node['Node Type'] === 'Seq Scan' && pagesOf(node) > FEW_PAGES ? [node['Relation Name'] ?? ''] : [],
    ),
    shape: nodes.map(shortOf).join(' > '),
    writes: /^(INSERT|UPDATE|SELECT (begin_stream|record_first_answer))\b/.test(text),
    isGeneric: nodes.some((node) => /\$\d/.test(`${node['Index Cond'] ?? ''}${node['Recheck Cond'] ?? ''}`)),
  };
}

const pagesOf = (node: PlanNode): number => (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0);
const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];
const shortOf = (node: PlanNode): string =>
  [node['Node Type'], node['Index Name'] ?? node['Relation Name']].filter(Boolean).join(' ');
