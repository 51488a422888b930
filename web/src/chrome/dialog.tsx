import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  class: string;
  label: string;
  onClose(): void;
  children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus in it, gives it back afterwards, and closes it at Esc. */
export function Dialog({ class: name, label, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class={name}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      {children}
    </dialog>
  );
}

/** Close the dialog that something is in. */
export function closeAround(node: Element): void {
  node.closest("dialog")?.close();
}
