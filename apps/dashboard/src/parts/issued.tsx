import { Button, Group, Table, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useConfirm } from './confirm.js';
import { Ago, Day } from './time.js';
import { WorkButton } from './work.js';

interface Issued {
  id: string;
  label: string | null;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
}

/** Secrets or keys that were created, one a row. `actions`: what can be done with one. */
export function IssuedTable<T extends Issued>({
  name,
  rows,
  actions,
}: {
  name: string;
  rows: T[];
  actions: (row: T) => React.ReactNode;
}) {
  return (
    <Table.ScrollContainer minWidth={520}>
      <Table aria-label={name}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Label</Table.Th>
            <Table.Th>Created</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>Expires</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id}>
              <Table.Td>{row.label || '–'}</Table.Td>
              <Table.Td>
                <Day at={row.createdAt} />
              </Table.Td>
              <Table.Td>{row.lastUsedAt === null ? 'Not used yet' : <Ago at={row.lastUsedAt} />}</Table.Td>
              <Table.Td>{row.expiresAt === null ? 'Never' : <Day at={row.expiresAt} />}</Table.Td>
              <Table.Td style={{ textAlign: 'right', whiteSpace: 'nowrap' }}>{actions(row)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** Asks for the label of a new one. `create` calls `done` when it was created: then the field is empty again. */
export function IssueForm({
  label,
  placeholder,
  action,
  busy,
  create,
}: {
  label: string;
  placeholder: string;
  action: string;
  busy: boolean;
  create: (name: string, done: () => void) => void;
}) {
  const [name, setName] = useState('');
  return (
    <form
      style={{ padding: '0 16px 16px' }}
      onSubmit={(event) => {
        event.preventDefault();
        create(name, () => setName(''));
      }}
    >
      <Group align="flex-end" gap="xs">
        <TextInput
          label={label}
          placeholder={placeholder}
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <WorkButton type="submit" variant="light" busy={busy}>
          {action}
        </WorkButton>
      </Group>
    </form>
  );
}

/** What can be done with one of them, once the reader has confirmed it. */
export function RowAction({
  name,
  question,
  text,
  color,
  run,
}: {
  name: string;
  question: string;
  text: string;
  color?: string;
  run: () => void;
}) {
  const confirm = useConfirm();
  return (
    <Button
      size="compact-xs"
      variant="subtle"
      color={color}
      onClick={() => confirm({ title: question, text, action: `${name} it`, onConfirm: run })}
    >
      {name}
    </Button>
  );
}
