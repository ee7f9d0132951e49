import { Alert, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { session } from '../api/index.js';
import { messageOf } from '../query-client.js';
import { useTitle } from '../session-context.js';
import { WorkButton } from '../parts/work.js';
import { Logo } from './logo.js';

/** Customer ID and secret for a session cookie; the secret is not kept in the page. */
export function SignIn() {
  useTitle('Sign in');
  const client = useQueryClient();
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { customerId: '', customerSecret: '' },
    validate: {
      customerId: (value) => (value.trim() === '' ? 'Enter your customer ID' : null),
      customerSecret: (value) => (value === '' ? 'Enter your customer secret' : null),
    },
  });
  const signIn = useMutation({
    mutationFn: session.signIn,
    meta: { ownError: true },
    onSuccess: (data) => {
      // What somebody else saw in this tab is not shown to who comes now.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
      client.setQueryData(['session'], data);
    },
  });
  return (
    <Center mih="100dvh" p="md" component="main">
      <Paper withBorder p="xl" w={400} maw="100%" bg="var(--card)">
        <form
          onSubmit={form.onSubmit(({ customerId, customerSecret }) =>
            signIn.mutate({ customerId: customerId.trim(), customerSecret }),
          )}
          noValidate
        >
          <Stack gap="md">
            <Logo />
            <div>
              <Title order={1}>Sign in</Title>
              <Text size="sm" c="dimmed">
                With the customer ID and secret that you also use for the API.
              </Text>
            </div>
            {signIn.isError && (
              <Alert color="red" role="alert">
                {messageOf(signIn.error)}
              </Alert>
            )}
            <TextInput
              label="Customer ID"
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              key={form.key('customerId')}
              {...form.getInputProps('customerId')}
            />
            <PasswordInput
              label="Customer secret"
              autoComplete="current-password"
              key={form.key('customerSecret')}
              {...form.getInputProps('customerSecret')}
              visibilityToggleButtonProps={{ 'aria-label': 'Show the secret' }}
            />
            <WorkButton type="submit" busy={signIn.isPending} fullWidth>
              Sign in
            </WorkButton>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
