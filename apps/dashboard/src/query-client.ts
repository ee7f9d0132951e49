import { notifications } from '@mantine/notifications';
import { MutationCache, QueryClient } from '@tanstack/react-query';
import { ApiError } from './api/index.js';

/** Refusals are answers: only silence and overload are worth asking again. */
const mayPass = (error: unknown): boolean =>
  !(error instanceof ApiError) || error.status === 0 || error.status === 429 || error.status >= 500;

export const queryClient = new QueryClient({
  defaultOptions: {
    // Always: a browser that believes to be offline may still reach a service on its own machine; and where it does not, an error says so.
    queries: {
      retry: (count, error) => count < 2 && mayPass(error),
      staleTime: 2000,
      refetchOnWindowFocus: true,
      networkMode: 'always',
    },
    mutations: { retry: false, networkMode: 'always' },
  },
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      // A form shows its own errors beside its fields.
      if (mutation.meta?.ownError !== true)
        notifications.show({ color: 'red', title: 'Something went wrong', message: messageOf(error), autoClose: 8000 });
    },
    onSuccess: (_data, _variables, _context, mutation) => {
      if (typeof mutation.meta?.done === 'string') notifications.show({ message: mutation.meta.done });
    },
  }),
});

/** What may be shown of an error. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError && error.retryAfter !== null)
    return `${error.message} Try again in ${error.retryAfter} s.`;
  return error instanceof Error ? error.message : String(error);
}
