import { Code, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconX } from '@tabler/icons-react';
import type { CallbackTest, Probe } from '../api/index.js';
import { Pill } from '../parts/state.js';
import { TimingsBar } from './timings-bar.js';

/** What a test callback brought: the answer, its timings, and what each platform says. Nothing was forwarded. */
export function TestResult({ result: { delivery, transfers, bad } }: { result: CallbackTest }) {
  const isGood = delivery.outcome === 'ok';
  return (
    <Stack gap="sm" role="status" aria-label="Result of the test callback">
      <div>
        <Pill tone={isGood ? 'good' : 'bad'} icon={isGood ? IconCheck : IconX}>
          {isGood ? `Your server answered 200 in ${delivery.durationMs} ms` : 'Your server did not answer correctly'}
        </Pill>
        {!isGood && (
          <Text size="sm" mt={4}>
            {[delivery.outcomeText, delivery.detail].filter(Boolean).join(' · ')}
          </Text>
        )}
        <TimingsBar timings={delivery.timings ?? {}} />
      </div>
      {transfers.map(({ element, url, probe }) => (
        <div key={element}>
          <Text size="sm" className="mono" style={{ overflowWrap: 'anywhere' }}>
            {url}
          </Text>
          {probe && <Verdict probe={probe} isSecure={url.startsWith('rtmps:')} />}
        </div>
      ))}
      {bad.map(({ element, message }) => (
        <Pill key={element} tone="bad" icon={IconAlertTriangle}>
          transferUrls[{element}] {message}
        </Pill>
      ))}
      {isGood && transfers.length === 0 && (
        <Text size="sm" c="dimmed">
          The answer names no URL: streams would be forwarded nowhere.
        </Text>
      )}
      {!isGood && delivery.answerHead && <Code block>{delivery.answerHead}</Code>}
    </Stack>
  );
}

const STEPS = ['address', 'tcp', 'tls', 'rtmp', 'publish'] as const;
const WORDS: Record<(typeof STEPS)[number], string> = {
  address: 'resolves',
  tcp: 'connects',
  tls: 'TLS',
  rtmp: 'speaks RTMP',
  publish: 'accepts the publish',
};

/** How far a connection to a platform came, step by step. */
function Verdict({ probe, isSecure }: { probe: Probe; isSecure: boolean }) {
  const steps = STEPS.filter((step) => step !== 'tls' || isSecure);
  const failedAt = probe.ok ? steps.length : steps.indexOf(probe.stage as (typeof STEPS)[number]);
  return (
    <div>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: 10, margin: '4px 0' }}>
        {steps.map((step, index) =>
          index > failedAt ? null : (
            <Pill key={step} tone={index < failedAt ? 'good' : 'bad'} icon={index < failedAt ? IconCheck : IconX}>
              {WORDS[step]}
            </Pill>
          ),
        )}
      </div>
      {!probe.ok && (
        <Text size="sm" c="dimmed">
          {[probe.text, probe.detail].filter(Boolean).join(' · ')}
        </Text>
      )}
    </div>
  );
}
