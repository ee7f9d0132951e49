import { IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { inBackground } from '../api/in-background.js';
import { useConfirm } from './confirm.js';
import { WorkButton } from './work.js';

/** Deletes what the page shows, once the reader has confirmed it, and goes to the list of its kind. */
export function DeleteButton({
  kind,
  id,
  goes,
  remove,
}: {
  kind: 'project' | 'customer';
  id: string;
  /** What is deleted, in a sentence. */
  goes: string;
  remove: () => Promise<unknown>;
}) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const [, go] = useLocation();
  const list = `${kind}s`;
  const deletion = useMutation({
    mutationFn: remove,
    meta: { done: `The ${kind} was deleted.` },
    onSuccess: () => {
      go(`/${list}`);
      // Not itself: it is gone.
      inBackground(client.invalidateQueries({ queryKey: [list], predicate: ({ queryKey }) => queryKey[1] !== id }));
    },
  });
  return (
    <WorkButton
      color="red"
      variant="light"
      leftSection={<IconTrash size={15} aria-hidden />}
      busy={deletion.isPending}
      onClick={() =>
        confirm({
          title: `Delete this ${kind}?`,
          text: <>{goes} This cannot be undone.</>,
          action: `Delete the ${kind}`,
          onConfirm: () => deletion.mutate(),
        })
      }
    >
      Delete {kind}
    </WorkButton>
  );
}
