import { Stack } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { credentials, type NewCredential } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { NewSecret } from './copy.js';
import { IssuedTable, IssueForm, RowAction } from './issued.js';
import { Card, Loaded } from './states-of-page.js';

/** A customer's secrets: several may be in use, each is shown when it is created. */
export function Credentials({ customerId }: { customerId: string }) {
  const client = useQueryClient();
  const [created, setCreated] = useState<NewCredential | null>(null);
  const key = ['credentials', customerId];
  const query = useQuery({ queryKey: key, queryFn: ({ signal }) => credentials.list(customerId, signal) });
  const shown = (credential: NewCredential): void => {
    setCreated(credential);
    inBackground(client.invalidateQueries({ queryKey: key }));
  };
  const create = useMutation({
    mutationFn: (label: string) => credentials.create(customerId, { label }),
    onSuccess: shown,
  });
  const rotate = useMutation({ mutationFn: (id: string) => credentials.rotate(customerId, id, {}), onSuccess: shown });
  const revoke = useMutation({
    mutationFn: (id: string) => credentials.revoke(customerId, id),
    meta: { done: 'The secret was revoked.' },
    onSettled: () => client.invalidateQueries({ queryKey: key }),
  });
  return (
    <Card title="Secrets" note="For HTTP Basic, HTTP HMAC and for signing in here." flush>
      <Stack gap="sm">
        {created && (
          <div style={{ padding: '0 16px' }}>
            <NewSecret
              title={created.label ? `The secret “${created.label}”` : 'The secret'}
              lines={[
                ['Customer ID', customerId],
                ['Customer secret', created.secret],
              ]}
            />
          </div>
        )}
        <Loaded query={query} rows={1}>
          {({ credentials: found }) => (
            <IssuedTable
              name="Secrets"
              rows={found}
              actions={({ id }) => (
                <>
                  <RowAction
                    name="Replace"
                    question="Replace this secret?"
                    text="A new one is created; this one stays valid for an hour."
                    run={() => rotate.mutate(id)}
                  />
                  <RowAction
                    name="Revoke"
                    question="Revoke this secret?"
                    text="Whatever uses it is refused from now on."
                    color="red"
                    run={() => revoke.mutate(id)}
                  />
                </>
              )}
            />
          )}
        </Loaded>
        <IssueForm
          label="New secret"
          placeholder="What it is for"
          action="Create secret"
          busy={create.isPending}
          create={(label, done) => create.mutate(label, { onSuccess: done })}
        />
      </Stack>
    </Card>
  );
}
