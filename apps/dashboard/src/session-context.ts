import { createContext, useContext, useEffect } from 'react';
import type { Session } from './api/index.js';

export const SessionContext = createContext<Session | null>(null);

/** Who is signed in; everything below the sign-in has one. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('used outside of a session');
  return session;
}

/** The tab's title. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · manycast`;
  }, [title]);
}
