import { type ReactNode, useId, useLayoutEffect, useRef } from "react";

import { Icon } from "./Icon";
import { Status } from "./status";

interface Props {
  title: string;
  kind?: "side" | "box";
  onClose: () => void;
  children: ReactNode;
}

/** A dialog over the page. When it closes, the focus returns to where it was. */
export function Panel({ title, kind = "side", onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();

  useLayoutEffect(() => {
    const element = dialog.current!;
    element.showModal();
    // A part that asks for the focus, such as the first field, has it already.
    if (!element.querySelector("[data-autofocus]")) heading.current!.focus();
    return () => element.close();
  }, []);

  return (
    <dialog
      ref={dialog}
      className={`panel ${kind}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <div className="panel-content">
        <header className="panel-head">
          <h2 id={id} ref={heading} tabIndex={-1} dir="auto">
            {title}
          </h2>
          <button type="button" className="icon-button" onClick={onClose} aria-label="Close" title="Close (Esc)">
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
      <Status />
    </dialog>
  );
}
