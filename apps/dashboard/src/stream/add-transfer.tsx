import { Button, Group, Modal, PasswordInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, transfers } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { messageOf } from '../query-client.js';
import { WorkButton } from '../parts/work.js';
import { PLATFORMS, transferUrl } from './platforms.js';
import { transfersKey, type StreamPath } from './use-transfers.js';

/** Adds a destination to a running stream. */
export function AddTransfer({ path, opened, onClose }: { path: StreamPath; opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Add a transfer" size="md">
      <AddForm path={path} onDone={onClose} />
    </Modal>
  );
}

function AddForm({ path, onDone }: { path: StreamPath; onDone: () => void }) {
  const client = useQueryClient();
  const [chosen, setChosen] = useState('youtube');
  const platform = PLATFORMS.find(({ value }) => value === chosen);
  const form = useForm({
    initialValues: { server: platform?.server ?? '', key: '' },
    validate: {
      server: (value) => (/^rtmps?:\/\/[^/]+/i.test(value.trim()) ? null : 'Begins with rtmp:// or rtmps://'),
    },
  });
  const add = useMutation({
    mutationFn: ({ server, key }: { server: string; key: string }) =>
      transfers.add(path.appid, path.streamId, { url: transferUrl(server, key) }),
    meta: { ownError: true, done: 'The transfer was added.' },
    onSuccess: () => {
      inBackground(client.invalidateQueries({ queryKey: transfersKey(path.streamId) }));
      onDone();
    },
  });
  const choose = (value: string): void => {
    setChosen(value);
    form.setValues({ server: PLATFORMS.find((each) => each.value === value)?.server ?? '' });
    form.clearErrors();
  };
  const refusal =
    add.error instanceof ApiError && add.error.fields.url
      ? `The URL ${add.error.fields.url}.`
      : add.isError
        ? messageOf(add.error)
        : null;
  return (
    <form onSubmit={form.onSubmit((values) => add.mutate(values))}>
      <Stack gap="sm">
        <SegmentedControl
          aria-label="Platform"
          data={PLATFORMS.map(({ value, label }) => ({ value, label }))}
          value={chosen}
          onChange={choose}
          fullWidth
          size="xs"
        />
        <TextInput label="Server" placeholder="rtmps://…" className="mono" {...form.getInputProps('server')} />
        <PasswordInput
          label="Stream key"
          description={platform?.hint}
          autoComplete="off"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the key' }}
          {...form.getInputProps('key')}
        />
        {refusal && (
          <Text size="sm" c="red" role="alert">
            {refusal}
          </Text>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <WorkButton type="submit" busy={add.isPending}>
            Add
          </WorkButton>
        </Group>
      </Stack>
    </form>
  );
}
