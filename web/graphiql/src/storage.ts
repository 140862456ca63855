// What the browser keeps from one visit to the next: tabs, history and theme, but no token.

import { createLocalStorage } from "@graphiql/toolkit";

import { FRESH, server } from "./server";

// GraphiQL's history keeps headers, whatever it is told of those in its tabs.
const HISTORY = ["graphiql:queries", "graphiql:favorites"];

export const storage = canKeep()
  ? createLocalStorage({ namespace: `graphql-api ${server.edition}` })
  : untilThePageIsClosed();

const { getItem, setItem } = storage;

// What is fresh is kept as its mark, so that it is fresh again next time.
storage.getItem = (key) => getItem(key)?.replaceAll(server.fresh, FRESH) ?? null;
storage.setItem = (key, value) => {
  const kept = HISTORY.includes(key) ? withoutHeaders(value) : value;
  setItem(key, kept.replaceAll(FRESH, server.fresh));
};

function withoutHeaders(history: string): string {
  return JSON.stringify(JSON.parse(history), (name, value) =>
    name === "headers" ? undefined : value,
  );
}

/** Whether there is a `localStorage`: blocked, or in a sandbox, it throws; some web views have none. */
function canKeep(): boolean {
  try {
    localStorage.getItem("");
    return true;
  } catch {
    return false;
  }
}

function untilThePageIsClosed(): ReturnType<typeof createLocalStorage> {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
    clear: () => kept.clear(),
    get length() {
      return kept.size;
    },
  };
}
