// Which panel for files is open, and the file that a person has dropped.

import { useSyncExternalStore } from "react";

export type Opened = { panel: "import"; file?: File } | { panel: "export" } | undefined;

let opened: Opened;
const listeners = new Set<() => void>();

export function openImport(file?: File) {
  set({ panel: "import", ...(file && { file }) });
}

export function openExport() {
  set({ panel: "export" });
}

export function closeFiles() {
  set(undefined);
}

export function useOpened(): Opened {
  return useSyncExternalStore(subscribe, () => opened);
}

function set(next: Opened) {
  opened = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
