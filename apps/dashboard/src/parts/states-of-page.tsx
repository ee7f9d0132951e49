import { Alert, Button, Center, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, type Icon } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { isLost } from '../api/connection.js';
import { ApiError } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { messageOf } from '../query-client.js';

/** Nothing there yet, and what to do about it. */
export function Empty({ icon: Symbol, title, children }: { icon: Icon; title: string; children?: ReactNode }) {
  return (
    <Center py={48} px="md">
      <Stack align="center" gap={6} maw={460} ta="center">
        <Symbol size={34} stroke={1.4} color="var(--mantine-color-dimmed)" aria-hidden />
        <Text fw={600}>{title}</Text>
        <Text size="sm" c="dimmed" component="div">
          {children}
        </Text>
      </Stack>
    </Center>
  );
}

/** What failed, whether trying again helps, and the id to report. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const isMissing = error instanceof ApiError && error.status === 404;
  return (
    <Alert
      color="red"
      icon={<IconAlertTriangle aria-hidden />}
      title={isMissing ? 'Not found' : 'This could not be loaded'}
      role="alert"
      m="md"
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{messageOf(error)}</Text>
        {error instanceof ApiError && error.requestId !== null && !isMissing && (
          <Text size="xs" className="mono">
            Request {error.requestId}
          </Text>
        )}
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

export function Bones({ rows = 4, height = 44 }: { rows?: number; height?: number }) {
  return (
    <Stack gap="xs" p="md" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={height} />
      ))}
    </Stack>
  );
}

/** A query's answer, or what stands in its place. Older data stay on the page while it is asked again, with what went wrong above them. */
export function Loaded<Data>({
  query,
  children,
  rows,
}: {
  query: Pick<UseQueryResult<Data>, 'data' | 'error' | 'isPending' | 'refetch'>;
  children: (data: Data) => ReactNode;
  rows?: number;
}) {
  return (
    <>
      <FailureOf query={query} />
      {query.data !== undefined ? children(query.data) : query.isPending && <Bones rows={rows} />}
    </>
  );
}

/** What failed of a query, if it did. That the service does not answer at all is said once, above the page, where there is something of before. */
export function FailureOf({
  query: { error, data, refetch },
}: {
  query: Pick<UseQueryResult, 'error' | 'data' | 'refetch'>;
}) {
  if (error === null || (data !== undefined && isLost(error))) return null;
  return <Failure error={error} retry={() => inBackground(refetch())} />;
}

/** A page's heading and what can be done there. */
export function PageHead({ title, note, children }: { title: ReactNode; note?: ReactNode; children?: ReactNode }) {
  return (
    <div
      style={{
        display: 'flex',
        flexWrap: 'wrap',
        gap: 12,
        alignItems: 'center',
        justifyContent: 'space-between',
        marginBottom: 16,
      }}
    >
      <div style={{ minWidth: 0 }}>
        <Title order={1} style={{ overflowWrap: 'anywhere' }}>
          {title}
        </Title>
        {note && (
          <Text size="sm" c="dimmed" component="div">
            {note}
          </Text>
        )}
      </div>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8 }}>{children}</div>
    </div>
  );
}

/** A box with a heading. */
export function Card({
  title,
  note,
  actions,
  children,
  flush,
}: {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  flush?: boolean;
}) {
  return (
    <section className="card" aria-label={title} style={{ marginBottom: 16, overflow: 'hidden' }}>
      <div
        style={{
          display: 'flex',
          flexWrap: 'wrap',
          gap: 10,
          justifyContent: 'space-between',
          alignItems: 'center',
          padding: '12px 16px 10px',
        }}
      >
        <div>
          <Title order={2}>{title}</Title>
          {note && (
            <Text size="sm" c="dimmed" component="div">
              {note}
            </Text>
          )}
        </div>
        {actions}
      </div>
      <div style={flush ? undefined : { padding: '0 16px 16px' }}>{children}</div>
    </section>
  );
}
