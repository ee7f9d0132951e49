import { readdirSync, readFileSync } from 'node:fs';

/** Stops a process of ours and all its descendants, as a machine that hangs does; returns what makes them go on. */
export function freeze(pid: number): () => void {
  const pids = withDescendants(pid);
  for (const one of pids) process.kill(one, 'SIGSTOP');
  return () => {
    for (const one of pids) process.kill(one, 'SIGCONT');
  };
}

function withDescendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // pid (command) state ppid
        return [
          [Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1])] as const,
        ];
      } catch (error) {
        // Ended since.
        if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
        throw error;
      }
    });
  const of = (parent: number): number[] => [
    parent,
    ...parents.filter(([, ppid]) => ppid === parent).flatMap(([child]) => of(child)),
  ];
  return of(pid);
}
