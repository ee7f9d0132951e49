import { Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import { codec } from '../parts/format.js';
import { Pill } from '../parts/state.js';
import { Card } from '../parts/states-of-page.js';
import type { Publication, PublicationState } from './use-publication.js';

const LOOKS: Record<PublicationState, [tone: 'good' | 'wait' | 'calm', word: string]> = {
  idle: ['calm', 'Not live'],
  starting: ['wait', 'Starting'],
  live: ['good', 'Live'],
  reconnecting: ['wait', 'Coming back'],
  over: ['calm', 'Ended'],
};

/** What is sent, and how well it gets through. */
export function Sending({ publication }: { publication: Publication }) {
  const { state, stats, display } = publication;
  const [tone, word] = LOOKS[state];
  const figures: [string, string][] = stats
    ? [
        ['Sent', `${stats.kbps} kbit/s`],
        [
          'Picture',
          stats.video
            ? `${stats.video.width}×${stats.video.height}, ${Math.round(stats.video.fps)} fps, ${codec(stats.video.codec)}`
            : 'none',
        ],
        ['Lost', `${(stats.loss * 100).toFixed(1)} %`],
        ['Round trip', stats.rttMs === null ? '–' : `${Math.round(stats.rttMs)} ms`],
      ]
    : [];
  return (
    <Card title="On air" actions={<Pill tone={tone}>{word}</Pill>}>
      <video
        ref={display}
        muted
        playsInline
        autoPlay
        aria-label="What is sent"
        style={{ width: '100%', aspectRatio: '16 / 9', background: '#0b0f12', borderRadius: 8 }}
      />
      {state === 'live' && <Mutes publication={publication} />}
      <dl style={{ display: 'grid', gridTemplateColumns: 'max-content 1fr', gap: '4px 16px', margin: '12px 0 0' }}>
        {figures.map(([label, value]) => (
          <div key={label} style={{ display: 'contents' }}>
            <Text component="dt" size="sm" c="dimmed">
              {label}
            </Text>
            <Text component="dd" size="sm" m={0} className="num">
              {value}
            </Text>
          </div>
        ))}
      </dl>
      {stats?.video && stats.video.limitedBy !== 'none' && (
        <Text size="sm" mt="xs">
          {stats.video.limitedBy === 'cpu'
            ? 'This computer is too slow for the whole picture.'
            : 'The network is too slow for the whole picture.'}
        </Text>
      )}
    </Card>
  );
}

function Mutes({ publication: { stream } }: { publication: Publication }) {
  const [, redraw] = useState(0);
  if (stream === null) return null;
  const press = (change: () => void) => (): void => {
    change();
    redraw((count) => count + 1);
  };
  const [isSilent, isBlack] = [stream.isAudioMuted(), stream.isVideoMuted()];
  return (
    <Group gap="xs" mt="sm">
      <Button
        size="xs"
        variant="default"
        aria-pressed={isSilent}
        onClick={press(() => (isSilent ? stream.unmuteAudio() : stream.muteAudio()))}
      >
        {isSilent ? 'Sound on' : 'Mute'}
      </Button>
      <Button
        size="xs"
        variant="default"
        aria-pressed={isBlack}
        onClick={press(() => (isBlack ? stream.unmuteVideo() : stream.muteVideo()))}
      >
        {isBlack ? 'Picture on' : 'Black picture'}
      </Button>
    </Group>
  );
}
