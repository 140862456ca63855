import { useEffect, useState } from "react";

import { execute } from "./execute";
import type { ListedCustomerFragment } from "./generated/graphql";
import { CUSTOMER } from "./operations";

const STORAGE_KEY = "customers";
const MAX_IDS = 20;

/** Whether the customers of earlier visits are loaded from the server. */
export type Earlier = "loading" | "loaded" | { failure: string };

/**
 * The customers that this browser created, the latest first.
 *
 * The schema has no list of customers, so the browser stores their ids, and nothing else.
 */
export function useCustomers() {
  const [customers, setCustomers] = useState<ListedCustomerFragment[]>([]);
  const [earlier, setEarlier] = useState<Earlier>("loading");
  const [attempt, setAttempt] = useState(1);

  useEffect(() => {
    let outdated = false;
    setEarlier("loading");
    Promise.all(storedIds().map((id) => execute(CUSTOMER, { id }))).then(
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
    const ids = [customer.id, ...storedIds().filter((id) => id !== customer.id)];
    localStorage.setItem(STORAGE_KEY, JSON.stringify(ids.slice(0, MAX_IDS)));
    setCustomers((older) => merged([customer], older));
    // The server answered, so loading may succeed now.
    if (earlier !== "loaded") loadAgain();
  }

  function loadAgain() {
    setAttempt((before) => before + 1);
  }

  return { customers, earlier, add, loadAgain };
}

/** Both lists without duplicates: of two versions of a customer, the one in `first` is used. */
function merged(first: ListedCustomerFragment[], then: ListedCustomerFragment[]) {
  const ids = new Set(first.map(({ id }) => id));
  return [...first, ...then.filter(({ id }) => !ids.has(id))];
}

function storedIds(): string[] {
  return JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]") as string[];
}
