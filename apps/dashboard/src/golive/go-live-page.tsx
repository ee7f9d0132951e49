import { Alert, Button, Group, SegmentedControl, Select, Stack, TextInput } from '@mantine/core';
import { IconBroadcast, IconPlayerStop } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'wouter';
import { entryPoints } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { ScopeSelect, useScope } from '../parts/scope.js';
import { Card, PageHead } from '../parts/states-of-page.js';
import { useTitle } from '../session-context.js';
import { Sending } from './sending.js';
import { usePublication, type Source } from './use-publication.js';

const SOURCES: { value: Source; label: string }[] = [
  { value: 'camera', label: 'Camera' },
  { value: 'screen', label: 'Screen' },
  { value: 'card', label: 'Test card' },
];

/** Publishes from this browser. */
export default function GoLivePage() {
  useTitle('Go live');
  const scope = useScope();
  const [search] = useSearchParams();
  const [source, setSource] = useState<Source>('camera');
  const [wished, setWished] = useState(search.get('entry_point') ?? 'live');
  const [name, setName] = useState('from-the-browser');
  const { appid } = scope;
  const points = useQuery({
    queryKey: ['entry-points', appid],
    enabled: appid != null,
    queryFn: ({ signal }) => entryPoints.list(appid ?? '', signal),
  });
  const names = points.data?.entryPointList.map((point) => point.name) ?? [];
  // A project may have no entry point of this name: what is shown is what is published to.
  const entryPoint = names.includes(wished) ? wished : names[0];
  const publication = usePublication();
  const isOn = publication.state !== 'idle' && publication.state !== 'over';
  const nameError = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)
    ? null
    : 'Letters, digits, dots, underscores and hyphens';
  return (
    <>
      <PageHead title="Go live" note="Straight from this browser, over WebRTC." />
      <div className="two">
        <Card title="Source">
          <Stack gap="md">
            <SegmentedControl
              aria-label="Source"
              data={SOURCES}
              value={source}
              onChange={(value) => setSource(value as Source)}
              disabled={isOn}
              fullWidth
            />
            <div>
              <ScopeSelect scope={scope} label="Project" disabled={isOn} />
            </div>
            {entryPoint && (
              <Select
                label="Entry point"
                data={names}
                value={entryPoint}
                onChange={(next) => next && setWished(next)}
                allowDeselect={false}
                disabled={isOn}
              />
            )}
            <TextInput
              label="Stream name"
              value={name}
              error={nameError}
              onChange={(event) => setName(event.currentTarget.value)}
              disabled={isOn}
            />
            <Group gap="xs">
              {isOn ? (
                <Button color="red" leftSection={<IconPlayerStop size={16} aria-hidden />} onClick={publication.stop}>
                  Stop
                </Button>
              ) : (
                <Button
                  leftSection={<IconBroadcast size={16} aria-hidden />}
                  disabled={!appid || !entryPoint || nameError !== null}
                  onClick={() =>
                    appid && entryPoint && inBackground(publication.start({ appid, entryPoint, name, source }))
                  }
                >
                  Go live
                </Button>
              )}
              {isOn && appid && (
                // In another tab: the stream ends with this page.
                <Button component="a" href={`/live?appid=${appid}`} target="_blank" variant="default">
                  View destinations
                </Button>
              )}
            </Group>
            {publication.error && (
              <Alert color="red" role="alert">
                {publication.error}
              </Alert>
            )}
          </Stack>
        </Card>
        <Sending publication={publication} />
      </div>
    </>
  );
}
