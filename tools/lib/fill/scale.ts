/** How much a filled database holds. */
export interface Scale {
  customers: number;
  projects: number;
  /** Of the last 90 days. */
  events: number;
  /** Of the last 30 days. */
  deliveries: number;
  /** Of the last year. */
  endedStreams: number;
  liveStreams: number;
}

/** A large installation with so many projects. */
export const scaleOf = (projects: number): Scale => ({
  customers: Math.max(10, Math.round(projects / 10)),
  projects,
  events: 10 * projects,
  deliveries: 10 * projects,
  endedStreams: 2 * projects,
  liveStreams: Math.max(10, Math.round(projects / 100)),
});

/** A million projects, ten million events, ten million deliveries, ten thousand live streams. */
export const FULL = scaleOf(1_000_000);

/** What a test fills in seconds. Tables are large enough that Postgres plans as with millions of rows. */
export const SMALL: Scale = {
  customers: 20_000,
  projects: 20_000,
  events: 200_000,
  deliveries: 200_000,
  endedStreams: 60_000,
  liveStreams: 2000,
};

/** Projects of the customer that has many, number 1; every so many-th is its own. */
export const bigProjectsOf = ({ projects }: Scale): number => Math.min(2000, Math.ceil(projects / 20));
