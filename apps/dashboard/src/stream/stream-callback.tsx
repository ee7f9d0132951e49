import { Anchor, Code, Stack, Text } from '@mantine/core';
import { IconWebhook } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { usePolling } from '../api/feed.js';
import { entryPoints, type Stream } from '../api/index.js';
import { ReasonText } from '../parts/reason.js';
import { State } from '../parts/state.js';
import { Empty, Loaded } from '../parts/states-of-page.js';
import { Clock } from '../parts/time.js';
import { TimingsBar } from '../settings/timings-bar.js';

/** How the customer's server was asked where this stream goes, and what it said. */
export function StreamCallback({ appid, stream }: { appid: string; stream: Stream }) {
  const settingsUrl = `/projects/${appid}/entry-points/${stream.entryPoint}`;
  const query = useQuery({
    queryKey: ['stream', stream.id, 'callbacks'],
    queryFn: ({ signal }) =>
      entryPoints.deliveries(appid, stream.entryPoint, { streamId: stream.id, limit: 50 }, signal),
    refetchInterval: usePolling(),
    enabled: stream.callback.state !== 'none',
  });
  if (stream.callback.state === 'none') {
    return (
      <Empty icon={IconWebhook} title="No server was asked">
        {stream.callback.reason?.text ?? 'This entry point has no callback.'}{' '}
        <Anchor component={Link} href={settingsUrl} inherit underline="always">
          Transfer settings
        </Anchor>
      </Empty>
    );
  }
  return (
    <Stack gap="sm">
      <div style={{ display: 'flex', gap: 10, alignItems: 'flex-start', flexWrap: 'wrap' }}>
        <State of="callback" is={stream.callback.state} />
        <ReasonText reason={stream.callback.reason} />
      </div>
      <Loaded query={query} rows={2}>
        {({ deliveries: own }) => {
          return (
            <>
              {own.map((delivery) => (
                <div key={delivery.id}>
                  <Text size="sm">
                    <Clock at={delivery.createdAt} /> · attempt {delivery.attempt} ·{' '}
                    {delivery.status === null ? 'no answer' : `HTTP ${delivery.status}`} · {delivery.durationMs} ms
                  </Text>
                  <Text className="mono label">{delivery.url}</Text>
                  {delivery.detail && <Text size="xs">{delivery.detail}</Text>}
                  {delivery.timings && <TimingsBar timings={delivery.timings} />}
                  {delivery.answerHead && (
                    <Code block mt={6} tabIndex={0} aria-label="The answer">
                      {delivery.answerHead}
                    </Code>
                  )}
                </div>
              ))}
              {own.length === 0 && (
                <Text size="sm" c="dimmed">
                  The deliveries are no longer kept.
                </Text>
              )}
              <Anchor component={Link} href={settingsUrl} size="sm" underline="always">
                All deliveries of this entry point
              </Anchor>
            </>
          );
        }}
      </Loaded>
    </Stack>
  );
}
