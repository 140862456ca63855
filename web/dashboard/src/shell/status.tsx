// One message at a time about what the page has done, such as "Created Ada Lovelace."

import { useSyncExternalStore } from "react";

const SHOWN_MILLISECONDS = 8_000;

let message = "";
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

export function say(text: string) {
  clearTimeout(timer);
  timer = setTimeout(() => set(""), SHOWN_MILLISECONDS);
  set(text);
}

/** Removes the message, which the next step of the person would make wrong. */
export function clearMessage() {
  clearTimeout(timer);
  set("");
}

/** Shows the message, and lets screen readers read it out. */
export function Status({ isQuiet = false }: { isQuiet?: boolean }) {
  const text = useSyncExternalStore(subscribe, () => message);
  return (
    <div className="status" role="status">
      {!isQuiet && text && <p dir="auto">{text}</p>}
    </div>
  );
}

function set(text: string) {
  message = text;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
