import { Anchor, Button, SegmentedControl, Select } from '@mantine/core';
import { IconBroadcastOff, IconFolderPlus, IconVideo } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import { useFeed } from '../api/feed.js';
import { entryPoints, type Stream } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { ScopeSelect, useScope } from '../parts/scope.js';
import { Bones, Empty, Failure, FailureOf, PageHead } from '../parts/states-of-page.js';
import { useTitle } from '../session-context.js';
import { FeedState } from './feed-state.js';
import { StreamRow } from './stream-row.js';
import { useStreams, type Shown } from './use-streams.js';

const FILTERS: { value: Shown; label: string }[] = [
  { value: 'now', label: 'Active' },
  { value: 'live', label: 'Live' },
  { value: 'reconnecting', label: 'Reconnecting' },
  { value: 'ended', label: 'Past' },
];

/** So many streams, the newest ones, have figures in the feed without being asked for. */
const OF_FEED = 300;

const toShown = (value: string | null): Shown => FILTERS.find((filter) => filter.value === value)?.value ?? 'now';

/** The streams of now. */
export default function LivePage() {
  useTitle('Live');
  const scope = useScope();
  const [search, setSearch] = useSearchParams();
  const shown = toShown(search.get('state'));
  const entryPoint = search.get('entry_point') ?? '';
  const query = useStreams(scope.appid, shown, entryPoint);
  const rows = query.data ?? [];
  const [seen, setSeen] = useState<string[]>([]);
  // The feed by itself brings the figures of the newest streams; of more, those that are looked at.
  const isLong = shown !== 'ended' && (query.hasNextPage || rows.length > OF_FEED);
  useFeed(scope.appid, isLong ? seen : undefined);
  const set = (name: string, value: string | null): void =>
    setSearch((before) => {
      const next = new URLSearchParams(before);
      if (value === null || value === '') next.delete(name);
      else next.set(name, value);
      return next;
    });

  if (scope.isEmpty) return <NoProject />;
  return (
    <>
      <PageHead title="Live" note={<FeedState />}>
        <Button
          component={Link}
          href={scope.appid ? `/go-live?appid=${scope.appid}` : '/go-live'}
          leftSection={<IconVideo size={16} aria-hidden />}
        >
          Go live
        </Button>
      </PageHead>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: 10, marginBottom: 12 }}>
        <ScopeSelect scope={scope} />
        {scope.appid && (
          <EntryPointSelect appid={scope.appid} value={entryPoint} onChange={(value) => set('entry_point', value)} />
        )}
        <SegmentedControl
          aria-label="Which streams"
          data={FILTERS}
          value={shown}
          onChange={(value) => set('state', value === 'now' ? null : value)}
          size="sm"
        />
      </div>
      <section className="card" aria-label="Streams" aria-busy={query.isPending}>
        {rows.length > 0 && <FailureOf query={query} />}
        {rows.length > 0 && (
          <Rows
            rows={rows}
            scope={scope}
            more={query.hasNextPage ? () => inBackground(query.fetchNextPage()) : undefined}
            onSeen={isLong ? setSeen : undefined}
          />
        )}
        {rows.length === 0 &&
          (query.isError || scope.error ? (
            <Failure error={query.error ?? scope.error} retry={() => inBackground(query.refetch())} />
          ) : query.isPending ? (
            <Bones rows={5} height={56} />
          ) : (
            <NoStreams shown={shown} />
          ))}
      </section>
    </>
  );
}

interface RowsProps {
  rows: Stream[];
  scope: ReturnType<typeof useScope>;
  more: (() => void) | undefined;
  /** Told which streams are in view, by their ids. */
  onSeen: ((ids: string[]) => void) | undefined;
}

function Rows({ rows, scope, more, onSeen }: RowsProps) {
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useEffect(() => setTop(list.current?.offsetTop ?? 0), []);
  const isPhone = window.matchMedia('(max-width: 48em)').matches;
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => (isPhone ? 92 : 76),
    overscan: 6,
    scrollMargin: top,
    getItemKey: (index) => rows[index]?.id ?? index,
  });
  const items = virtual.getVirtualItems();
  const lastIndex = items.at(-1)?.index ?? 0;
  const isNearEnd = lastIndex >= rows.length - 12;
  useEffect(() => {
    if (isNearEnd) more?.();
  }, [isNearEnd, more]);
  const seen = items.flatMap((item) => rows[item.index]?.id ?? []).join(',');
  useEffect(() => onSeen?.(seen === '' ? [] : seen.split(',')), [seen, onSeen]);
  return (
    <>
      <div className="live-row live-head" aria-hidden>
        <span />
        <span>Stream</span>
        <span>Entry point</span>
        <span>Duration</span>
        <span>Input</span>
        <span>Transfers</span>
      </div>
      <div ref={list} role="list" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {items.map((item) => {
          const stream = rows[item.index];
          if (stream === undefined) return null;
          const appid = stream.appid ?? scope.appid ?? '';
          const whose = scope.appid === null ? [stream.customerName, stream.projectName] : [];
          if (stream.node) whose.push(`on ${stream.node}`);
          return (
            <div
              key={item.key}
              role="listitem"
              aria-setsize={rows.length}
              aria-posinset={item.index + 1}
              style={{ position: 'absolute', insetInline: 0, top: 0, transform: `translateY(${item.start - top}px)` }}
            >
              <StreamRow stream={stream} appid={appid} whose={whose.filter(Boolean).join(' · ')} />
            </div>
          );
        })}
      </div>
    </>
  );
}

function EntryPointSelect({
  appid,
  value,
  onChange,
}: {
  appid: string;
  value: string;
  onChange: (value: string | null) => void;
}) {
  const query = useQuery({
    queryKey: ['entry-points', appid],
    queryFn: ({ signal }) => entryPoints.list(appid, signal),
    staleTime: 30_000,
  });
  const data = [
    { value: '', label: 'All entry points' },
    ...(query.data?.entryPointList ?? []).map(({ name }) => ({ value: name, label: name })),
  ];
  return (
    <Select
      aria-label="Entry point"
      data={data}
      value={value}
      onChange={onChange}
      allowDeselect={false}
      w={{ base: '100%', xs: 170 }}
    />
  );
}

function NoStreams({ shown }: { shown: Shown }) {
  if (shown !== 'now' && shown !== 'live')
    return (
      <Empty icon={IconBroadcastOff} title="No streams match">
        Choose “Now” to see what runs.
      </Empty>
    );
  return (
    <Empty icon={IconBroadcastOff} title="Nothing is live">
      A stream appears here with its first picture. Publish one{' '}
      <Anchor component={Link} href="/go-live" inherit underline="always">
        from this browser
      </Anchor>
      , or from OBS, ffmpeg or GStreamer with a publish token from the{' '}
      <Anchor component={Link} href="/projects" inherit underline="always">
        project’s entry point
      </Anchor>
      .
    </Empty>
  );
}

function NoProject() {
  return (
    <Empty icon={IconFolderPlus} title="No project yet">
      Streams belong to a project.{' '}
      <Anchor component={Link} href="/projects" inherit underline="always">
        Create the first one
      </Anchor>
      ; it comes with an entry point to publish to.
    </Empty>
  );
}
