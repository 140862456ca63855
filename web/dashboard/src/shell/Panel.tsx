import { type ReactNode, type SyntheticEvent, useId, useLayoutEffect, useRef } from "react";

import { Icon } from "./Icon";
import { clearMessage, Status } from "./status";

interface Props {
  title: string;
  kind?: "side" | "box";
  /** Without it, people cannot close the panel. */
  onClose?: () => void;
  children: ReactNode;
}

/** A dialog over the page. When it closes, the focus returns to where it was, or to the list. */
export function Panel({ title, kind = "side", onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const isOpen = useRef(false);
  const id = useId();

  useLayoutEffect(() => {
    const element = dialog.current!;
    clearMessage();
    element.showModal();
    isOpen.current = true;
    (element.querySelector<HTMLElement>("[data-autofocus]") ?? heading.current)?.focus();
    return () => {
      isOpen.current = false;
      element.close();
      setTimeout(focusList);
    };
  }, []);

  function cancel(event: SyntheticEvent) {
    if (isOfChild(event)) return;
    event.preventDefault();
    onClose?.();
  }

  /** Browsers close a dialog at the second press of Escape, whatever the page says. */
  function noticeClosed(event: SyntheticEvent) {
    if (!isOpen.current || isOfChild(event)) return;
    if (onClose) onClose();
    else dialog.current!.showModal();
  }

  return (
    <dialog
      ref={dialog}
      className={`panel ${kind}`}
      aria-labelledby={id}
      onCancel={cancel}
      onClose={noticeClosed}
      // A press outside the content is on the backdrop.
      onMouseDown={(event) => !isOfChild(event) && onClose?.()}
    >
      <div className="panel-content">
        <header className="panel-head">
          <h2 id={id} ref={heading} tabIndex={-1}>
            <bdi>{title}</bdi>
          </h2>
          {onClose && (
            <button
              type="button"
              className="icon-button"
              onClick={onClose}
              aria-label="Close"
              title="Close (Esc)"
            >
              <Icon name="close" />
            </button>
          )}
        </header>
        {children}
      </div>
      <Status />
    </dialog>
  );
}

/** Puts the focus on the list if what had the focus before is not there any more. */
function focusList() {
  if (document.activeElement === document.body) document.getElementById("customers")?.focus();
}

/** Whether the event is one of a dialog or another element inside. */
function isOfChild({ target, currentTarget }: SyntheticEvent): boolean {
  return target !== currentTarget;
}
