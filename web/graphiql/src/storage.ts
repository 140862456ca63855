// What the browser keeps from one visit to the next: tabs, history and theme, but no token.

import { createLocalStorage } from "@graphiql/toolkit";

import { FRESH, server } from "./server";

// GraphiQL's history keeps headers, whatever it is told of those in its tabs.
const HISTORY = ["graphiql:queries", "graphiql:favorites"];

export const storage = createLocalStorage({ namespace: `graphql-api ${server.edition}` });

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
