import { useSyncExternalStore } from "react";

import { addressOf, type View, viewOf } from "./address";

const CHANGED = "viewchange";

let view = viewOf(location.search);
let address = location.search;

/** What the page shows. */
export function useView(): View {
  return useSyncExternalStore(subscribe, current);
}

function current(): View {
  // The same address is the same object, so that React does not render again.
  if (address !== location.search) {
    address = location.search;
    view = viewOf(address);
  }
  return view;
}

/** Shows another view. `push` is a step that Back undoes. */
export function show(change: Partial<View>, how: "push" | "replace" = "push") {
  history[`${how}State`](null, "", linkTo(change));
  dispatchEvent(new Event(CHANGED));
}

/** The address of this view with a change. A change of the list leads to its first page. */
export function linkTo(change: Partial<View>): string {
  const movesOnly = Object.keys(change).every((name) => ["customer", "isNew"].includes(name));
  const first = movesOnly ? {} : { after: "", before: "" };
  const query = addressOf({ ...current(), ...first, ...change });
  return query ? `?${query}` : location.pathname;
}

function subscribe(listener: () => void) {
  addEventListener(CHANGED, listener);
  addEventListener("popstate", listener);
  return () => {
    removeEventListener(CHANGED, listener);
    removeEventListener("popstate", listener);
  };
}
