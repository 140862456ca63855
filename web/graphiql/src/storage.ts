// Stores the tabs, the history and the theme from one visit to the next, but no token.

import { createLocalStorage } from "@graphiql/toolkit";

import { FRESH, server } from "./server";

// GraphiQL's history contains headers even if it is told not to store them with the tabs.
const HISTORY = ["graphiql:queries", "graphiql:favorites"];

export const storage = canStore()
  ? createLocalStorage({ namespace: `graphql-api ${server.edition}` })
  : inMemory();

const { getItem, setItem } = storage;

// The fresh text is stored as its placeholder, so that the next visit gets a new one.
storage.getItem = (key) => getItem(key)?.replaceAll(server.fresh, FRESH) ?? null;
storage.setItem = (key, value) => {
  const stored = HISTORY.includes(key) ? withoutHeaders(value) : value;
  setItem(key, stored.replaceAll(FRESH, server.fresh));
};

function withoutHeaders(history: string): string {
  return JSON.stringify(JSON.parse(history), (name, value) =>
    name === "headers" ? undefined : value,
  );
}

/** Whether `localStorage` works: it throws if blocked or in a sandbox, and some web views lack it. */
function canStore(): boolean {
  try {
    localStorage.getItem("");
    return true;
  } catch {
    return false;
  }
}

function inMemory(): ReturnType<typeof createLocalStorage> {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
    clear: () => values.clear(),
    get length() {
      return values.size;
    },
  };
}
