import { useEffect, useState } from "react";

import { execute } from "./execute";
import type { ListedCustomerFragment } from "./generated/graphql";
import { CUSTOMER } from "./operations";

const STORE = "customers";
const MOST = 20;

/** The customers of earlier visits, which the server is asked for anew. */
export type Earlier = "loading" | "loaded" | { failure: string };

/**
 * The customers that were created in this browser, the latest first.
 *
 * The schema has no list of all customers, so the browser remembers their ids, and nothing else.
 */
export function useCustomers() {
  const [customers, setCustomers] = useState<ListedCustomerFragment[]>([]);
  const [earlier, setEarlier] = useState<Earlier>("loading");
  const [attempt, setAttempt] = useState(1);

  useEffect(() => {
    let outdated = false;
    setEarlier("loading");
    Promise.all(rememberedIds().map((id) => execute(CUSTOMER, { id }))).then(
      (answers) => {
        if (outdated) return;
        const found = answers.flatMap(({ customer }) => customer ?? []);
        setCustomers((newer) => merged(newer, found));
        setEarlier("loaded");
      },
      (error: Error) => {
        if (!outdated) setEarlier({ failure: error.message });
      },
    );
    return () => {
      outdated = true;
    };
  }, [attempt]);

  function add(customer: ListedCustomerFragment) {
    const ids = [customer.id, ...rememberedIds().filter((id) => id !== customer.id)];
    localStorage.setItem(STORE, JSON.stringify(ids.slice(0, MOST)));
    setCustomers((older) => merged([customer], older));
    // The server answers: what it could not tell before, it may now.
    if (earlier !== "loaded") loadAgain();
  }

  function loadAgain() {
    setAttempt((before) => before + 1);
  }

  return { customers, earlier, add, loadAgain };
}

/** Those that come first win. */
function merged(first: ListedCustomerFragment[], then: ListedCustomerFragment[]) {
  const ids = new Set(first.map(({ id }) => id));
  return [...first, ...then.filter(({ id }) => !ids.has(id))];
}

function rememberedIds(): string[] {
  return JSON.parse(localStorage.getItem(STORE) ?? "[]") as string[];
}
