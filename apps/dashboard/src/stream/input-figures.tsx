import { Text } from '@mantine/core';
import { useBitrates, useInputFigures } from '../api/feed.js';
import type { InputFigures, Stream } from '../api/index.js';
import { bitrate, codec, picture } from '../parts/format.js';
import { Spark } from '../parts/spark.js';
import { Running } from '../parts/time.js';

const WHY_TRANSCODED = { codec: 'its codec does not fit RTMP', b_frames: 'it has B-frames' };

/** What comes in from the publisher. */
export function Input({ stream }: { stream: Stream }) {
  const live = useInputFigures(stream.id);
  const figures = stream.state === 'ended' ? stream.figures : (live ?? stream.figures);
  const values = useBitrates(stream.id);
  const cells: [string, React.ReactNode, string?][] = [
    [
      stream.state === 'ended' ? 'Lasted' : 'Duration',
      stream.startedAt === null ? '–' : <Running key="running" since={stream.startedAt} until={stream.endedAt} />,
    ],
    ['Bitrate', bitrate(figures?.bitrate)],
    ['Picture', picture(figures)],
    [
      'Codecs',
      [figures?.videoCodec, figures?.audioCodec]
        .filter((name) => name != null)
        .map(codec)
        .join(' + ') || '–',
    ],
    [
      'Key frame every',
      figures?.keyFrameIntervalMs == null ? '–' : `${(figures.keyFrameIntervalMs / 1000).toFixed(1)} s`,
      'Platforms want one every 2 s or so',
    ],
    ['Packets lost', String(figures?.packetsLost ?? '–')],
    ['Jitter', figures?.jitterMs == null ? '–' : `${Math.round(figures.jitterMs)} ms`],
    ['Round trip', figures?.rttMs == null ? '–' : `${Math.round(figures.rttMs)} ms`],
  ];
  return (
    <div>
      <dl className="figures" style={{ margin: 0 }}>
        {cells.map(([label, value, title]) => (
          <div key={label} title={title}>
            <dt className="label">{label}</dt>
            <dd className="figure" style={{ margin: 0 }}>
              {value}
            </dd>
          </div>
        ))}
      </dl>
      {stream.state !== 'ended' && (
        <div style={{ marginTop: 14 }}>
          <Spark
            values={values}
            label={`Bitrate of the input over the last two minutes, now ${bitrate(figures?.bitrate)}`}
          />
        </div>
      )}
      <Advice figures={figures} />
    </div>
  );
}

/** What the publisher could do better. */
function Advice({ figures }: { figures: InputFigures | null }) {
  if (figures === null) return null;
  const lines = [
    figures.transcoded != null &&
      `The picture is encoded again because ${WHY_TRANSCODED[figures.transcoded]}; H.264 without B-frames is passed through as it is.`,
    (figures.keyFrameIntervalMs ?? 0) > 4500 &&
      'Key frames are far apart; most platforms want one every 2 seconds. Set the key frame interval in the encoder.',
    (figures.jitterMs ?? 0) > 60 && 'The network of the publisher is unsteady (jitter above 60 ms).',
  ].filter((line) => line !== false);
  return lines.map((line) => (
    <Text key={line} size="sm" mt="sm" c="var(--wait)">
      {line}
    </Text>
  ));
}
