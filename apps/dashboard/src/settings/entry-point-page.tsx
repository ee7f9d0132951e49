import { Anchor, Text } from '@mantine/core';
import { Link } from 'wouter';
import { PageHead } from '../parts/states-of-page.js';
import { useTitle } from '../session-context.js';
import { BannedStreams } from './banned-streams.js';
import { CallbackSecrets } from './callback-secrets.js';
import { Deliveries } from './deliveries.js';
import { PublishTokens } from './publish-tokens.js';
import { StreamAuthCard } from './stream-auth.js';
import { TransferSettingsCard } from './transfer-settings.js';

/** One entry point. */
export interface EntryPointPath {
  appid: string;
  entryPoint: string;
}

/** Everything that is set for streams of one entry point. */
export default function EntryPointPage(path: EntryPointPath) {
  const { appid, entryPoint } = path;
  useTitle(entryPoint);
  return (
    <>
      <Text size="sm" mb={4}>
        <Anchor component={Link} href={`/projects/${appid}`} inherit underline="always">
          Project
        </Anchor>{' '}
        / entry point
      </Text>
      <PageHead title={entryPoint} note="What happens to streams that arrive here." />
      <TransferSettingsCard {...path} />
      <PublishTokens {...path} />
      <StreamAuthCard appid={appid} />
      <BannedStreams {...path} />
      <CallbackSecrets {...path} />
      <Deliveries {...path} />
    </>
  );
}
