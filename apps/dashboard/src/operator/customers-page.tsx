import { Anchor, Button, Group, Modal, Select, Stack, Table, TextInput } from '@mantine/core';
import { IconUserPlus, IconUsersGroup } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { customers, type NewCredential, type Role } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { NewSecret } from '../parts/copy.js';
import { Bones, Card, Empty, FailureOf, PageHead } from '../parts/states-of-page.js';
import { Day } from '../parts/time.js';
import { WorkButton } from '../parts/work.js';
import { useTitle } from '../session-context.js';

/** All tenants. */
export default function CustomersPage() {
  useTitle('Customers');
  const [adding, setAdding] = useState(false);
  const query = useInfiniteQuery({
    queryKey: ['customers'],
    queryFn: ({ pageParam, signal }) => customers.list({ limit: 50, cursor: pageParam ?? undefined }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
  const rows = query.data?.pages.flatMap((page) => page.customers) ?? [];
  return (
    <>
      <PageHead title="Customers">
        <Button leftSection={<IconUserPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
          New customer
        </Button>
      </PageHead>
      <Card title="All customers" flush>
        {query.isPending && <Bones rows={3} />}
        <FailureOf query={query} />
        {query.isSuccess && rows.length === 0 && <Empty icon={IconUsersGroup} title="No customer yet" />}
        {rows.length > 0 && (
          <Table.ScrollContainer minWidth={620}>
            <Table aria-label="Customers">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th>Role</Table.Th>
                  <Table.Th>Live streams</Table.Th>
                  <Table.Th>Projects</Table.Th>
                  <Table.Th>Since</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map(({ customerId, name, role, usage, quotas, createdAt }) => (
                  <Table.Tr key={customerId}>
                    <Table.Td>
                      <Anchor component={Link} href={`/customers/${customerId}`} inherit>
                        {name}
                      </Anchor>
                    </Table.Td>
                    <Table.Td>{role}</Table.Td>
                    <Table.Td className="num">
                      {usage.streams} of {quotas.streams}
                    </Table.Td>
                    <Table.Td className="num">
                      {usage.projects} of {quotas.projects}
                    </Table.Td>
                    <Table.Td>
                      <Day at={createdAt} />
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
        {query.hasNextPage && (
          <Button m="sm" size="xs" variant="default" onClick={() => inBackground(query.fetchNextPage())}>
            More
          </Button>
        )}
      </Card>
      <Modal opened={adding} onClose={() => setAdding(false)} title="New customer" size="lg">
        <NewCustomer onClose={() => setAdding(false)} />
      </Modal>
    </>
  );
}

function NewCustomer({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('customer');
  const [made, setMade] = useState<{ customerId: string; credential: NewCredential } | null>(null);
  const create = useMutation({
    mutationFn: () => customers.create({ name: name.trim(), role }),
    onSuccess: (customer) => {
      setMade(customer);
      inBackground(client.invalidateQueries({ queryKey: ['customers'] }));
    },
  });
  if (made) {
    return (
      <Stack>
        <NewSecret
          title={`${name} is a customer now`}
          lines={[
            ['Customer ID', made.customerId],
            ['Customer secret', made.credential.secret],
          ]}
        />
        <Button onClick={onClose}>Done</Button>
      </Stack>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <Stack gap="sm">
        <TextInput
          label="Name"
          required
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          data-autofocus
        />
        <Select
          label="Role"
          data={[
            { value: 'customer', label: 'Customer' },
            { value: 'operator', label: 'Operator: sees and changes everything' },
          ]}
          value={role}
          onChange={(value) => value && setRole(value as Role)}
          allowDeselect={false}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <WorkButton type="submit" busy={create.isPending} disabled={name.trim() === ''}>
            Create customer
          </WorkButton>
        </Group>
      </Stack>
    </form>
  );
}
