import { ActionIcon, Button, Loader, type ActionIconProps, type ButtonProps } from '@mantine/core';
import type { ComponentPropsWithRef, MouseEvent } from 'react';

// Mantine's own `loading` disables the button, and a disabled button loses the focus: who uses the keyboard, or a screen reader, would
// begin at the top of the page after every click.

interface Work {
  /** What was asked for is being done; further clicks do nothing. */
  busy: boolean;
}

/** Also keeps the Enter key in a field from sending a form twice: it clicks the form's button. */
const notNow = (event: MouseEvent): void => event.preventDefault();

/** A button whose click takes time. */
export function WorkButton({
  busy,
  onClick,
  leftSection,
  ...props
}: Work & ButtonProps & ComponentPropsWithRef<'button'>) {
  const wheel = <Loader size={14} color="currentColor" aria-hidden />;
  return (
    <Button
      {...props}
      onClick={busy ? notNow : onClick}
      aria-busy={busy || undefined}
      leftSection={busy ? wheel : leftSection}
    />
  );
}

/** The same with a sign in place of words. */
export function WorkIcon({
  busy,
  onClick,
  children,
  ...props
}: Work & ActionIconProps & ComponentPropsWithRef<'button'>) {
  return (
    <ActionIcon {...props} onClick={busy ? notNow : onClick} aria-busy={busy || undefined}>
      {busy ? <Loader size={15} color="currentColor" aria-hidden /> : children}
    </ActionIcon>
  );
}
