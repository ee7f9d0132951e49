import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { customers, session } from '../api/index.js';
import { useConfirm } from '../parts/confirm.js';
import { CopyLine } from '../parts/copy.js';
import { Credentials } from '../parts/credentials.js';
import { QuotaList } from '../parts/quotas.js';
import { Card, Loaded, PageHead } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';
import { useSession, useTitle } from '../session-context.js';

/** Who is signed in: secrets, quotas, sessions. */
export default function AccountPage() {
  useTitle('My account');
  const { customerId, name } = useSession();
  const me = useQuery({ queryKey: ['me'], queryFn: ({ signal }) => customers.me(signal) });
  return (
    <>
      <PageHead title="My account" note={name}>
        <SignOutEverywhere />
      </PageHead>
      <Card title="Customer ID">
        <CopyLine label="Customer ID" value={customerId} />
      </Card>
      <Credentials customerId={customerId} />
      <Card title="Quotas" note="To raise a limit, contact your operator.">
        <Loaded query={me} rows={2}>
          {(customer) => <QuotaList customer={customer} />}
        </Loaded>
      </Card>
    </>
  );
}

function SignOutEverywhere() {
  const client = useQueryClient();
  const confirm = useConfirm();
  const signOut = useMutation({
    mutationFn: session.signOutEverywhere,
    onSuccess: () => client.resetQueries({ queryKey: ['session'] }),
  });
  const ask = (): void =>
    confirm({
      title: 'Sign out everywhere?',
      text: 'Every browser that is signed in with this customer ID must sign in again, this one too.',
      action: 'Sign out everywhere',
      onConfirm: () => signOut.mutate(),
    });
  return (
    <WorkButton variant="default" onClick={ask} busy={signOut.isPending}>
      Sign out everywhere
    </WorkButton>
  );
}
