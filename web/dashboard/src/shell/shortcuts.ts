// Keys that work anywhere on the page except where a person writes.

import { useEffect, useState } from "react";

const STORAGE_KEY = "graphql-api shortcuts";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

/** Handles single keys, such as `n`. Keys with Control, Alt or Meta belong to the browser. */
export function useKeys(keys: Keys) {
  useEffect(() => {
    function press(event: KeyboardEvent) {
      const action = keys[event.key];
      if (!action || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key.length === 1 && (isWriting(event.target) || !areOn())) return;
      action(event);
    }
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}

/** Whether single letters are shortcuts, and a function that changes it. */
export function useShortcutsAreOn(): [boolean, (on: boolean) => void] {
  const [on, setOn] = useState(areOn);
  return [
    on,
    (next) => {
      setOn(next);
      try {
        localStorage.setItem(STORAGE_KEY, next ? "on" : "off");
      } catch {
        // The browser blocks the storage: the choice has no effect.
      }
    },
  ];
}

// People who speak to their computer may need to turn them off (WCAG 2.1.4).
function areOn(): boolean {
  try {
    return localStorage.getItem(STORAGE_KEY) !== "off";
  } catch {
    return true;
  }
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select") !== null;
}
