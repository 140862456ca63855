import { keepPreviousData, useQuery } from "@tanstack/react-query";

import type { Count } from "../generated/graphql";
import { changeOf, currentNews, hear, loading } from "../live/news";
import type { View } from "../view/address";
import { isFiltered, listOf, pageOf } from "../view/variables";
import { cache, REPEATS } from "./cache";
import type { Customer } from "./customer";
import { execute } from "./execute";
import { isTransient } from "./failure";
import { CUSTOMER, CUSTOMER_COUNT, CUSTOMERS } from "./operations";

/**
 * One page of the list. While the next page is loaded, the last one stays. It is loaded again only if
 * the person does something: otherwise its rows could move.
 */
export function useCustomers(view: View) {
  const variables = pageOf(view);
  return useQuery({
    queryKey: ["customers", variables],
    queryFn: async ({ signal }) => {
      const noticeLoaded = loading();
      const list = await execute(CUSTOMERS, variables, { signal });
      noticeLoaded(list);
      return list;
    },
    placeholderData: keepPreviousData,
    staleTime: 0,
    refetchOnWindowFocus: false,
  });
}

/** A number and what it counts, such as "more than 10,000" and "customers". */
export interface CountInWords {
  number: string;
  noun: string;
}

/**
 * How many customers the list has; undefined until it is known. The page asks for it apart, because
 * counting takes longer than a page.
 */
export function useCount(view: View): CountInWords | undefined {
  const variables = listOf(view);
  const { data, failureReason } = useQuery({
    queryKey: ["count", variables],
    queryFn: async ({ signal }) => {
      const { customers } = await execute(CUSTOMER_COUNT, variables, { signal });
      return countInWords(customers!.totalCount, isFiltered(view));
    },
    refetchOnWindowFocus: false,
    // A count may take too long each time, and costs the database much.
    retry: (count, failure) => count < REPEATS && isTransient(failure),
  });
  // Without an answer, the last number is that of another list.
  return failureReason ? undefined : data;
}

function countInWords({ count, precision }: Count, isFound: boolean): CountInWords {
  const isMore = precision === "AT_LEAST";
  const number = `${isMore ? "more than " : ""}${count.toLocaleString("en")}`;
  if (isFound) return { number, noun: "found" };
  return { number, noun: count === 1 && !isMore ? "customer" : "customers" };
}

/** One customer. If the list has loaded it, it is shown at once, and asked again. */
export function useCustomer(id: string) {
  return useQuery({
    queryKey: ["customer", id],
    queryFn: async ({ signal }) => {
      const { customer } = await execute(CUSTOMER, { id }, { signal });
      // The list may still have a customer that another person has deleted.
      if (!customer) hear({ __typename: "CustomerDeleted", id });
      return customer ?? null;
    },
    placeholderData: () => listed(id),
  });
}

/** The customer as the list shows it, if a loaded page of the list has it. */
export function listed(id: string): Customer | undefined {
  const pages = cache.getQueriesData<{ customers?: { nodes: Customer[] } | null }>({ queryKey: ["customers"] });
  for (const [, data] of pages) {
    const found = data?.customers?.nodes.find((customer) => customer.id === id);
    if (found) {
      const change = changeOf(found, currentNews());
      return change && change !== "deleted" ? change : found;
    }
  }
  return undefined;
}
