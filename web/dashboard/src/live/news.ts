// The changes of customers since the lists were loaded.

import { useSyncExternalStore } from "react";

import { cache } from "../api/cache";
import type { Customer } from "../api/customer";
import type { CustomersQuery } from "../generated/graphql";
import type { CustomerEvent } from "./stream";

/** The customer as it is now. */
export type Change = Customer | "deleted";

export interface News {
  /** The number of customers that are in no list that was loaded. */
  created: number;
  changes: ReadonlyMap<string, Change>;
  /** Whether something is missing here. */
  isIncomplete: boolean;
}

/** There may be a thousand events in each second. */
const PAUSE_MILLISECONDS = 500;
export const MOST_CREATED = 1_000;
const MOST_CHANGES = 1_000;

const NOTHING: News = { created: 0, changes: new Map(), isIncomplete: false };
let shown = NOTHING;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

// The news that the page will show after the pause.
const created = new Set<string>();
const changes = new Map<string, Change>();
let isIncomplete = false;

/** The versions that this page itself has stored, by id. */
const own = new Map<string, number>();

export function useNews(): News {
  return useSyncExternalStore(subscribe, currentNews);
}

export function currentNews(): News {
  return shown;
}

/** The customer as it is now, if it differs from the one that is shown. */
export function changeOf({ id, version }: Customer, { changes }: News): Change | undefined {
  const change = changes.get(id);
  return change === "deleted" || (change && change.version > version) ? change : undefined;
}

export function hear(event: CustomerEvent) {
  switch (event.__typename) {
    case "CustomerCreated":
      // One more than the page counts shows that there are more.
      if (!own.has(event.customer.id) && created.size <= MOST_CREATED) created.add(event.customer.id);
      break;
    case "CustomerUpdated":
      hearOfVersion(event.customer);
      break;
    case "CustomerDeleted":
      created.delete(event.id);
      if (own.get(event.id) !== Infinity) change(event.id, "deleted");
      break;
    case "EventsMissed":
      isIncomplete = true;
      break;
    default:
      event satisfies never;
  }
  timer ??= setTimeout(publish, PAUSE_MILLISECONDS);
}

/** Notes a version that another person may have stored. */
export function hearOfVersion(customer: Customer) {
  if (customer.version > (own.get(customer.id) ?? 0)) change(customer.id, customer);
  timer ??= setTimeout(publish, PAUSE_MILLISECONDS);
}

/** Notes that the page may be out of date. */
export function missNews() {
  isIncomplete = true;
  publish();
}

/** Notes a version that this page itself has stored; infinite for a deletion. It is no news. */
export function knowOwn(id: string, version: number) {
  own.set(id, version);
  created.delete(id);
  const known = changes.get(id);
  if (known && (known === "deleted" || known.version <= version)) changes.delete(id);
  publish();
}

/** Call it before a list is loaded, and the result with the loaded list, which is no news any more. */
export function loading(): (data: CustomersQuery) => void {
  const before = [...created];
  const wasIncomplete = isIncomplete;
  return ({ customers }) => {
    for (const { id } of customers?.nodes ?? []) created.delete(id);
    // On later pages, people do not see the new customers of the first one.
    if (customers?.pageInfo.hasPreviousPage === false) for (const id of before) created.delete(id);
    if (wasIncomplete) isIncomplete = false;
    // The cache has the list only then.
    clearTimeout(timer);
    timer = setTimeout(publish);
  };
}

export function forgetNews() {
  created.clear();
  changes.clear();
  own.clear();
  isIncomplete = false;
  publish();
}

function change(id: string, now: Change) {
  const known = changes.get(id);
  if (known === "deleted" || (known && now !== "deleted" && known.version >= now.version)) return;
  changes.set(id, now);
  if (changes.size > MOST_CHANGES) forgetUnseen();
}

/** Forgets changes of customers that no list has, or that all lists have. */
function forgetUnseen() {
  // A list that is being loaded may have any of them.
  if (cache.isFetching({ queryKey: ["customers"] }) > 0) {
    if (changes.size <= MOST_CHANGES) return;
    isIncomplete = true;
  }
  const versions = versionsSeen();
  for (const [id, now] of changes) {
    const seen = versions.get(id);
    if (seen === undefined || (now !== "deleted" && now.version <= seen)) changes.delete(id);
  }
}

/** The lowest version of each customer that the page has loaded. */
function versionsSeen(): Map<string, number> {
  const versions = new Map<string, number>();
  const see = ({ id, version }: Customer) =>
    versions.set(id, Math.min(version, versions.get(id) ?? Infinity));
  for (const [, list] of cache.getQueriesData<CustomersQuery>({ queryKey: ["customers"] })) {
    list?.customers?.nodes.forEach(see);
  }
  for (const [, customer] of cache.getQueriesData<Customer>({ queryKey: ["customer"] })) {
    if (customer) see(customer);
  }
  return versions;
}

/** Shows the news. */
function publish() {
  clearTimeout(timer);
  timer = undefined;
  // The event may be that of a change that this page makes now.
  if (cache.isMutating() > 0) {
    timer = setTimeout(publish, PAUSE_MILLISECONDS);
    return;
  }
  forgetUnseen();
  shown = { created: created.size, changes: new Map(changes), isIncomplete };
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
