import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Component, type ReactNode } from 'react';
import { Empty } from './states-of-page.js';

/** What stands where a page failed to be shown: nearly always its script, which a newer version of the service has no more. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <div role="alert">
        <Empty icon={IconAlertTriangle} title="This page could not be shown">
          The service may have been updated since this tab was opened.
          <br />
          <Button mt="sm" size="xs" onClick={() => location.reload()}>
            Reload
          </Button>
        </Empty>
      </div>
    );
  }
}
