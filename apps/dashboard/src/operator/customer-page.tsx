import { Anchor, Group, NumberInput, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { customers, type Customer, type Quotas } from '../api/index.js';
import { CopyLine } from '../parts/copy.js';
import { DeleteButton } from '../parts/delete-button.js';
import { Credentials } from '../parts/credentials.js';
import { QUOTA_WORDS, QuotaList } from '../parts/quotas.js';
import { Card, Loaded, PageHead } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';
import { useTitle } from '../session-context.js';

/** One tenant: quotas, secrets, the end. */
export default function CustomerPage({ customerId }: { customerId: string }) {
  const query = useQuery({
    queryKey: ['customers', customerId],
    queryFn: ({ signal }) => customers.get(customerId, signal),
  });
  useTitle(query.data?.name ?? 'Customer');
  return (
    <>
      <Text size="sm" mb={4}>
        <Anchor component={Link} href="/customers" inherit underline="always">
          Customers
        </Anchor>
      </Text>
      <Loaded query={query}>
        {(customer) => (
          <>
            <PageHead title={customer.name} note={customer.role}>
              <DeleteButton
                kind="customer"
                id={customer.customerId}
                goes={`“${customer.name}” is deleted with all projects, secrets and history.`}
                remove={() => customers.remove(customer.customerId)}
              />
            </PageHead>
            <Card title="Customer ID">
              <CopyLine label="Customer ID" value={customerId} />
            </Card>
            <Card title="Quotas" note="Empty: the default of this service.">
              <div className="two">
                <QuotaList customer={customer} />
                <QuotaForm key={JSON.stringify(customer.quotas)} customer={customer} />
              </div>
            </Card>
            <Credentials customerId={customerId} />
          </>
        )}
      </Loaded>
    </>
  );
}

function QuotaForm({ customer: { customerId, quotas } }: { customer: Customer }) {
  const client = useQueryClient();
  const [values, setValues] = useState<Record<string, number | string>>({ ...quotas });
  const save = useMutation({
    mutationFn: () => {
      const changed = Object.entries(values).filter(([name, value]) => value !== quotas[name as keyof Quotas]);
      return customers.change(customerId, {
        quotas: Object.fromEntries(changed.map(([name, value]) => [name, value === '' ? null : Number(value)])),
      });
    },
    meta: { done: 'Saved.' },
    onSuccess: () => client.invalidateQueries({ queryKey: ['customers'] }),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="xs">
        {(Object.keys(QUOTA_WORDS) as (keyof Quotas)[]).map((name) => (
          <NumberInput
            key={name}
            label={QUOTA_WORDS[name]}
            size="xs"
            min={0}
            max={name === 'transfersPerStream' ? 50 : 1_000_000}
            allowDecimal={false}
            value={values[name]}
            onChange={(value) => setValues((before) => ({ ...before, [name]: value }))}
          />
        ))}
        <Group>
          <WorkButton type="submit" size="xs" busy={save.isPending}>
            Save quotas
          </WorkButton>
        </Group>
      </Stack>
    </form>
  );
}
