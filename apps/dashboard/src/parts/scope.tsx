import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'wouter';
import { projects, type Project } from '../api/index.js';
import { useSession } from '../session-context.js';

const ALL = 'all';
/** What a list shows without scrolling for long; who looks for another project types a part of its name. */
const PAGE = 50;
/** Fewer are seen at a glance. */
const SEARCHED_FROM = 9;
/** Between two keys of somebody who types. */
const TYPING_MS = 200;

/** The first page of those whose name contains `q`. */
const useProjects = (q: string) =>
  useQuery({
    queryKey: ['projects', 'named', q],
    staleTime: 30_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => projects.list(q === '' ? { limit: PAGE } : { limit: PAGE, q }, signal),
  });

/** What a page is about. */
export interface Scope {
  /** Null: all projects (operators only); undefined: not known yet. */
  appid: string | null | undefined;
  /** The oldest ones, of perhaps many. */
  first: Project[];
  error: unknown;
  isEmpty: boolean;
}

/** The project that the page's address names, or else the customer's first one. */
export function useScope(): Scope {
  const { role } = useSession();
  const [search] = useSearchParams();
  const query = useProjects('');
  const first = query.data?.projects ?? [];
  const appid = search.get('appid') ?? (role === 'operator' ? null : first[0]?.appid);
  return { appid, first, error: query.error, isEmpty: query.isSuccess && first.length === 0 && role !== 'operator' };
}

/** Chooses it; kept in the address, so that a link shows the same. */
export function ScopeSelect({ scope, label, disabled }: { scope: Scope; label?: string; disabled?: boolean }) {
  const { role } = useSession();
  const [, setSearch] = useSearchParams();
  const chosen = useChosen(scope);
  const [typed, setTyped] = useState('');
  // What is chosen stands in the field: nobody has typed that.
  const [q] = useDebouncedValue(typed === chosen.label ? '' : typed.trim(), TYPING_MS);
  const query = useProjects(q);
  const found = (query.data?.projects ?? []).map(({ appid, name }) => ({ value: appid, label: name }));
  const all = role === 'operator' ? [{ value: ALL, label: 'All projects' }] : [];
  const shown = q === '' ? [...all, ...found] : found;
  // The field shows the label of what is chosen, also while the list shows others.
  const isHidden = !shown.some(({ value }) => value === chosen.value);
  const choose = (value: string | null): void =>
    setSearch((before) => {
      const next = new URLSearchParams(before);
      next.delete('entry_point');
      if (value === null || value === ALL) next.delete('appid');
      else next.set('appid', value);
      return next;
    });
  return (
    <Select
      label={label}
      disabled={disabled}
      aria-label="Project"
      data={isHidden && chosen.value !== null ? [...shown, { value: chosen.value, label: chosen.label }] : shown}
      // The API has searched. A list without any option is none to a screen reader.
      filter={() =>
        shown.length > 0
          ? shown
          : [{ value: 'none', label: query.isFetching ? 'Looking …' : 'No such project', disabled: true }]
      }
      value={chosen.value}
      onChange={choose}
      onSearchChange={setTyped}
      allowDeselect={false}
      searchable={scope.first.length >= SEARCHED_FROM}
      w={{ base: '100%', xs: 200 }}
    />
  );
}

/** The option that is chosen; one that is not among the first projects is asked for. */
function useChosen({ appid, first }: Scope): { value: string | null; label: string } {
  const among = first.find((project) => project.appid === appid);
  const query = useQuery({
    queryKey: ['projects', appid],
    enabled: appid != null && first.length > 0 && among === undefined,
    queryFn: ({ signal }) => projects.get(appid ?? '', signal),
  });
  if (appid === undefined) return { value: null, label: '' };
  if (appid === null) return { value: ALL, label: 'All projects' };
  return { value: appid, label: (among ?? query.data)?.name ?? appid.slice(0, 8) };
}
