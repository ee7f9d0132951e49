import { useCallback, useEffect, useRef, useState } from 'react';
import {
  createSession,
  createTestCard,
  type Stream,
  type StreamStats,
  type TestCard,
} from '../../../../libs/publisher/src/index.js';
import { entryPoints } from '../api/index.js';
import { inBackground } from '../api/in-background.js';

export type Source = 'camera' | 'screen' | 'card';

/** What is to be published, and where. */
export interface Wanted {
  appid: string;
  entryPoint: string;
  name: string;
  source: Source;
}

export type PublicationState = 'idle' | 'starting' | 'live' | 'reconnecting' | 'over';

/** The publication of this page. */
export interface Publication {
  state: PublicationState;
  /** Why it failed, or what it waits for. */
  error: string | null;
  stats: StreamStats | null;
  stream: Stream | null;
  /** Goes to the element that shows what is sent. */
  display: React.RefObject<HTMLVideoElement | null>;
  start: (wanted: Wanted) => Promise<void>;
  stop: () => void;
}

/** A publish token is asked for anew whenever the connection is: nothing that opens doors is kept. */
const TOKEN_LIFE_S = 600;

/** Publishes through the same library that customers use; ends when the page is left. */
export function usePublication(): Publication {
  const [state, setState] = useState<PublicationState>('idle');
  const [error, setError] = useState<string | null>(null);
  const [stats, setStats] = useState<StreamStats | null>(null);
  const [stream, setStream] = useState<Stream | null>(null);
  const display = useRef<HTMLVideoElement | null>(null);
  const running = useRef<{ stream: Stream; release: () => void } | null>(null);
  /** Counts what was begun or stopped: a source that is opened for long (the browser asks which screen) may come too late. */
  const turn = useRef(0);

  const over = useCallback((message: string | null) => {
    running.current?.release();
    running.current = null;
    setStream(null);
    setStats(null);
    setError(message);
    setState('over');
  }, []);

  const start = useCallback(
    async (wanted: Wanted): Promise<void> => {
      setError(null);
      setState('starting');
      const mine = ++turn.current;
      try {
        const { custom, release } = await openSource(wanted.source, wanted.name);
        if (mine !== turn.current) return release();
        const { appid, entryPoint, name } = wanted;
        const session = createSession({
          whipUrl: `${location.origin}/whip/${appid}/${entryPoint}`,
          token: async () =>
            (await entryPoints.publishToken(appid, entryPoint, { streamName: name, expiresIn: TOKEN_LIFE_S })).token,
        });
        const made = session.createStream({
          name,
          display: display.current,
          ...(custom ? { customStream: custom } : {}),
        });
        running.current = { stream: made, release };
        setStream(made);
        made
          .on('PUBLISHING', () => {
            setError(null);
            setState('live');
          })
          .on('RECONNECTING', (_stream, { reason }) => {
            setError(reason);
            setState('reconnecting');
          })
          .on('SOURCE_ENDED', (ended, kind) => {
            if (kind !== 'video' || wanted.source !== 'screen') return;
            inBackground(ended.stop());
            over('The sharing of the screen was ended in the browser.');
          })
          .on('STATS', (_stream, figures) => setStats(figures))
          .on('FAILED', (failed) => over(failed.info()))
          .on('UNPUBLISHED', () => over(null))
          .publish();
      } catch (failure) {
        over(failure instanceof Error ? failure.message : String(failure));
      }
    },
    [over],
  );
  const stop = useCallback(() => {
    turn.current += 1;
    if (running.current) inBackground(running.current.stream.stop());
    else over(null);
  }, [over]);
  useEffect(
    () => () => {
      turn.current += 1;
      if (running.current) inBackground(running.current.stream.stop());
    },
    [],
  );
  const isOn = stream !== null;
  useEffect(() => {
    if (!isOn) return;
    // The browser asks whether to leave: with the page, the stream ends.
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isOn]);
  return { state, error, stats, stream, display, start, stop };
}

async function openSource(source: Source, label: string): Promise<{ custom: MediaStream | null; release: () => void }> {
  if (source === 'camera') return { custom: null, release: () => undefined };
  if (source === 'card') {
    const card: TestCard = createTestCard({ label });
    return { custom: card.stream, release: () => card.stop() };
  }
  const screen = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 30 }, audio: true });
  return {
    custom: screen,
    release: () => {
      for (const track of screen.getTracks()) track.stop();
    },
  };
}
