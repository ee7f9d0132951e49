import { Button, Group, Modal, Text } from '@mantine/core';
import { createContext, useCallback, useContext, useState, type ReactNode } from 'react';

interface Question {
  title: string;
  text: ReactNode;
  /** The button's word: what will be done. */
  action: string;
  onConfirm: () => void;
}

const Context = createContext<(question: Question) => void>(() => undefined);

/** Asks before what cannot be undone. */
export const useConfirm = (): ((question: Question) => void) => useContext(Context);

export function ConfirmProvider({ children }: { children: ReactNode }) {
  const [question, setQuestion] = useState<Question | null>(null);
  const [open, setOpen] = useState(false);
  const ask = useCallback((next: Question) => {
    setQuestion(next);
    setOpen(true);
  }, []);
  const confirm = (): void => {
    setOpen(false);
    question?.onConfirm();
  };
  return (
    <Context.Provider value={ask}>
      {children}
      <Modal opened={open} onClose={() => setOpen(false)} title={question?.title} size="sm">
        <Text size="sm" component="div" mb="lg">
          {question?.text}
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={() => setOpen(false)} data-autofocus>
            Cancel
          </Button>
          <Button color="red" onClick={confirm}>
            {question?.action}
          </Button>
        </Group>
      </Modal>
    </Context.Provider>
  );
}
