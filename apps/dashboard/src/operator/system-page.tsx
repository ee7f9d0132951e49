import { LineChart } from '@mantine/charts';
import '@mantine/charts/styles.css';
import { Progress, SegmentedControl, Table, Text } from '@mantine/core';
import { IconServerOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { operator, type HistoryPoint, type NodeStatus } from '../api/index.js';
import { clockTime } from '../parts/format.js';
import { Pill } from '../parts/state.js';
import { Card, Empty, Loaded, PageHead } from '../parts/states-of-page.js';
import { Ago } from '../parts/time.js';
import { useTitle } from '../session-context.js';
import { hasLoneMinute, minuteByMinute } from './minutes.js';

const REFRESH_MS = 3000;
const SPANS = [
  { value: '60', label: 'Hour' },
  { value: '360', label: '6 hours' },
  { value: '1440', label: 'Day' },
];

/** A table without a link in it, wider than a phone: whoever has no pointer scrolls it once it has the focus. */
const scrollableByKeys = (label: string) => ({
  viewportProps: { tabIndex: 0, role: 'region', 'aria-label': `${label}, scrollable` },
});

/** How the service is doing: nodes, queues, rates and errors over time. */
export default function SystemPage() {
  useTitle('System');
  const [minutes, setMinutes] = useState('60');
  const nodes = useQuery({
    queryKey: ['nodes'],
    queryFn: ({ signal }) => operator.nodes(signal),
    refetchInterval: REFRESH_MS,
  });
  const queues = useQuery({
    queryKey: ['queues'],
    queryFn: ({ signal }) => operator.queues(signal),
    refetchInterval: REFRESH_MS,
  });
  const history = useQuery({
    queryKey: ['history', minutes],
    queryFn: ({ signal }) => operator.history(Number(minutes), signal),
    refetchInterval: 30_000,
  });
  return (
    <>
      <PageHead title="System">
        <SegmentedControl aria-label="Span" data={SPANS} value={minutes} onChange={setMinutes} />
      </PageHead>
      <Card title="Nodes" flush>
        <Loaded query={nodes} rows={1}>
          {({ nodes: found }) =>
            found.length === 0 ? (
              <Empty icon={IconServerOff} title="No worker node is running">
                Nobody can publish. Start one: <code>node dist/apps/worker/src/main.js</code>
              </Empty>
            ) : (
              <Nodes nodes={found} />
            )
          }
        </Loaded>
      </Card>
      <Loaded query={history}>
        {({ points }) => (
          <div className="two">
            <Chart
              title="Streams and transfers"
              points={points}
              minutes={Number(minutes)}
              series={[
                ['streams', 'Streams', 'tide.6'],
                ['transfersLive', 'Transfers live', 'green.7', '8 5'],
                ['transfersFailing', 'Transfers failing', 'red.6', '2 4'],
              ]}
            />
            <Chart
              title="Arrivals and callbacks per minute"
              points={points}
              minutes={Number(minutes)}
              series={[
                ['arrivals', 'Arrivals', 'tide.6'],
                ['callbacksOk', 'Callbacks answered', 'green.7', '8 5'],
                ['callbacksFailed', 'Callbacks failed', 'red.6', '2 4'],
              ]}
            />
          </div>
        )}
      </Loaded>
      <Card title="Queues" flush>
        <Loaded query={queues} rows={1}>
          {({ queues: found }) => (
            <Table.ScrollContainer minWidth={420} scrollAreaProps={scrollableByKeys('Queues')}>
              <Table aria-label="Queues">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Queue</Table.Th>
                    <Table.Th>Waiting</Table.Th>
                    <Table.Th>Active</Table.Th>
                    <Table.Th>Delayed</Table.Th>
                    <Table.Th>Failed</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody className="num">
                  {found.map(({ name, waiting, active, delayed, failed }) => (
                    <Table.Tr key={name}>
                      <Table.Td>{name}</Table.Td>
                      <Table.Td>{waiting}</Table.Td>
                      <Table.Td>{active}</Table.Td>
                      <Table.Td>{delayed}</Table.Td>
                      <Table.Td>{failed}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </Loaded>
      </Card>
    </>
  );
}

function Nodes({ nodes }: { nodes: NodeStatus[] }) {
  return (
    <Table.ScrollContainer minWidth={520} scrollAreaProps={scrollableByKeys('Nodes')}>
      <Table aria-label="Nodes">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Node</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Slots</Table.Th>
            <Table.Th>CPU</Table.Th>
            <Table.Th>Version</Table.Th>
            <Table.Th>Since</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {nodes.map(({ nodeId, used, slots, draining, version, startedAt, cpu }) => (
            <Table.Tr key={nodeId}>
              <Table.Td className="mono">{nodeId}</Table.Td>
              <Table.Td>
                <Pill tone={draining ? 'wait' : 'good'}>{draining ? 'Draining' : 'Accepting streams'}</Pill>
              </Table.Td>
              <Table.Td>
                <Text size="sm" className="num">
                  {used} of {slots}
                </Text>
                <Progress
                  value={(100 * used) / slots}
                  size="xs"
                  aria-label={`Slots of ${nodeId}`}
                  color={used / slots > 0.9 ? 'red' : 'tide'}
                />
              </Table.Td>
              <Table.Td className="num">{cpu === undefined ? '–' : `${Math.round(cpu * 100)} %`}</Table.Td>
              <Table.Td>{version}</Table.Td>
              <Table.Td>
                <Ago at={startedAt} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

interface ChartProps {
  title: string;
  points: HistoryPoint[];
  minutes: number;
  series: [key: Exclude<keyof HistoryPoint, 'at'>, label: string, colour: string, dashes?: string][];
}

function Chart({ title, points, minutes, series }: ChartProps) {
  const data = minuteByMinute(points, minutes).map(({ at, point }) => ({ ...point, time: clockTime(at).slice(0, 5) }));
  return (
    <Card title={title}>
      <LineChart
        h={200}
        data={data}
        dataKey="time"
        series={series.map(([name, label, color, strokeDasharray]) => ({ name, label, color, strokeDasharray }))}
        strokeWidth={2}
        // A minute that stands alone has no line to show it.
        withDots={hasLoneMinute(points)}
        connectNulls={false}
        withLegend
        curveType="linear"
        gridAxis="x"
        yAxisProps={{ allowDecimals: false }}
      />
    </Card>
  );
}
