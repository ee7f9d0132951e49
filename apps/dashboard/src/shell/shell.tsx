import { ActionIcon, AppShell, Burger, Group, Menu, Text, Tooltip, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconBroadcast,
  IconDeviceDesktop,
  IconFolders,
  IconLogout,
  IconMoon,
  IconServer2,
  IconSun,
  IconUserCircle,
  IconUsersGroup,
  IconVideo,
  type Icon,
} from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { session } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { useSession } from '../session-context.js';
import { WorkIcon } from '../parts/work.js';
import { ConnectionBanner } from './connection-banner.js';
import { Logo } from './logo.js';

type Entry = [href: string, label: string, icon: Icon, also: string];

const EVERYBODY: Entry[] = [
  ['/live', 'Live', IconBroadcast, '/streams'],
  ['/go-live', 'Go live', IconVideo, '/go-live'],
  ['/projects', 'Projects', IconFolders, '/projects'],
];
const OPERATORS: Entry[] = [
  ['/customers', 'Customers', IconUsersGroup, '/customers'],
  ['/system', 'System', IconServer2, '/system'],
];
const OWN: Entry[] = [['/account', 'My account', IconUserCircle, '/account']];

/** What is around every page: navigation, who is signed in, light or dark. */
export function Shell({ children }: { children: ReactNode }) {
  const [opened, { toggle, close }] = useDisclosure(false);
  const { role, name } = useSession();
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    close();
    // A screen reader begins at the new page, as after a page load.
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [location, close]);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 204, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'sm', sm: 'lg' }}
    >
      <a className="skip" href="#main">
        Skip to content
      </a>
      <AppShell.Header bg="var(--card)">
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={opened ? 'Close the navigation' : 'Open the navigation'}
            />
            <Link href="/live" className="quiet" aria-label="manycast, live streams">
              <Logo />
            </Link>
          </Group>
          <Group gap="xs" wrap="nowrap" style={{ minWidth: 0 }}>
            <Text size="sm" c="dimmed" className="cut" visibleFrom="xs">
              {name}
              {role === 'operator' ? ' (operator)' : ''}
            </Text>
            <SchemeMenu />
            <SignOut />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" bg="var(--card)" aria-label="Main navigation">
        <Entries entries={EVERYBODY} location={location} />
        {role === 'operator' && <Entries title="Operator" entries={OPERATORS} location={location} />}
        <div style={{ flex: 1 }} />
        <Entries entries={OWN} location={location} />
      </AppShell.Navbar>
      <AppShell.Main id="main" ref={main} tabIndex={-1} style={{ outline: 'none' }}>
        <ConnectionBanner />
        <div className="page">{children}</div>
      </AppShell.Main>
    </AppShell>
  );
}

function Entries({ title, entries, location }: { title?: string; entries: Entry[]; location: string }) {
  return (
    <div style={{ marginBottom: 14 }}>
      {title && (
        <Text size="xs" c="dimmed" fw={600} px={10} pb={4}>
          {title}
        </Text>
      )}
      {entries.map(([href, label, Symbol, also]) => (
        <Link
          key={href}
          href={href}
          className="nav"
          aria-current={location.startsWith(href) || location.startsWith(also) ? 'page' : undefined}
        >
          <Symbol size={18} stroke={1.7} aria-hidden />
          {label}
        </Link>
      ))}
    </div>
  );
}

function SchemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const schemes = [
    ['light', 'Light', IconSun],
    ['dark', 'Dark', IconMoon],
    ['auto', 'System', IconDeviceDesktop],
  ] as const;
  const Current = schemes.find(([scheme]) => scheme === colorScheme)?.[2] ?? IconDeviceDesktop;
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Light or dark">
          <Current size={18} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map(([scheme, label, Symbol]) => (
          <Menu.Item
            key={scheme}
            leftSection={<Symbol size={16} aria-hidden />}
            onClick={() => setColorScheme(scheme)}
            fw={scheme === colorScheme ? 600 : undefined}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function SignOut() {
  const client = useQueryClient();
  const signOut = useMutation({
    mutationFn: session.signOut,
    onSuccess: () => {
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
      inBackground(client.resetQueries({ queryKey: ['session'] }));
    },
  });
  return (
    <Tooltip label="Sign out">
      <WorkIcon
        variant="subtle"
        color="gray"
        aria-label="Sign out"
        onClick={() => signOut.mutate()}
        busy={signOut.isPending}
      >
        <IconLogout size={18} stroke={1.7} />
      </WorkIcon>
    </Tooltip>
  );
}
