import { ActionIcon, Alert, Stack, Text, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy, IconKey } from '@tabler/icons-react';

/** Something to paste elsewhere, with a button that copies it. */
export function CopyLine({ label, value }: { label: string; value: string }) {
  const clipboard = useClipboard({ timeout: 1500 });
  const word = clipboard.copied ? 'Copied' : `Copy ${label}`;
  return (
    <div>
      <Text size="xs" c="dimmed" mb={3}>
        {label}
      </Text>
      <div className="line-copy">
        <pre>{value}</pre>
        <Tooltip label={word}>
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label={word} onClick={() => clipboard.copy(value)}>
            {clipboard.copied ? <IconCheck size={15} color="var(--good)" /> : <IconCopy size={15} />}
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  );
}

/** A secret that will not be shown again. */
export function NewSecret({ title, lines }: { title: string; lines: [label: string, value: string][] }) {
  return (
    <Alert icon={<IconKey aria-hidden />} title={title} color="tide" role="status">
      <Stack gap="xs">
        <Text size="sm">Copy it now: it is shown this once and never again.</Text>
        {lines.map(([label, value]) => (
          <CopyLine key={label} label={label} value={value} />
        ))}
      </Stack>
    </Alert>
  );
}
