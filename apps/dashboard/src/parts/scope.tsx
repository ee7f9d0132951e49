import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'wouter';
import { projects, type Project } from '../api/index.js';
import { useSession } from '../session-context.js';

const ALL = 'all';
const PAGE = 1000;
/** A longer list is searched, not scrolled. */
const SHOWN = 200;

/** All projects, page after page: a choice that lacks some is none. */
const useProjects = () =>
  useQuery({
    queryKey: ['projects', 'all'],
    staleTime: 30_000,
    queryFn: async ({ signal }) => {
      const all: Project[] = [];
      for (let cursor: string | undefined; ; ) {
        const { projects: page, nextCursor } = await projects.list({ limit: PAGE, cursor }, signal);
        all.push(...page);
        if (nextCursor === null) return all;
        cursor = nextCursor;
      }
    },
  });

/** What a page is about: one project, or all (null, operators only); undefined while that is not known yet. */
export function useScope(): { appid: string | null | undefined; projects: Project[]; error: unknown; isEmpty: boolean } {
  const { role } = useSession();
  const [search] = useSearchParams();
  const query = useProjects();
  const found = query.data ?? [];
  const wanted = search.get('appid');
  const appid = wanted ?? (role === 'operator' ? null : found[0]?.appid);
  return { appid, projects: found, error: query.error, isEmpty: query.isSuccess && found.length === 0 && role !== 'operator' };
}

/** Chooses it; kept in the address, so that a link shows the same. */
export function ScopeSelect({ scope, label, disabled }: { scope: ReturnType<typeof useScope>; label?: string; disabled?: boolean }) {
  const { role } = useSession();
  const [, setSearch] = useSearchParams();
  const options = scope.projects.map(({ appid, name }) => ({ value: appid, label: name }));
  if (role === 'operator') options.unshift({ value: ALL, label: 'All projects' });
  const choose = (value: string | null): void =>
    setSearch((before) => {
      const next = new URLSearchParams(before);
      next.delete('entry_point');
      if (value === null || value === ALL) next.delete('appid');
      else next.set('appid', value);
      return next;
    });
  return <Select label={label} disabled={disabled} aria-label="Project" data={options} value={scope.appid === null ? ALL : (scope.appid ?? null)} onChange={choose} allowDeselect={false} searchable={options.length > 8} limit={SHOWN} nothingFoundMessage="No such project" w={{ base: '100%', xs: 200 }} />;
}
