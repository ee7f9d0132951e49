import { Anchor } from '@mantine/core';
import { IconMapOff } from '@tabler/icons-react';
import { Link } from 'wouter';
import { Empty } from '../parts/states-of-page.js';
import { useTitle } from '../session-context.js';

export default function NotFoundPage() {
  useTitle('Not found');
  return (
    <Empty icon={IconMapOff} title="Page not found">
      <Anchor component={Link} href="/live" size="sm" underline="always">
        To the streams that are live now
      </Anchor>
    </Empty>
  );
}
