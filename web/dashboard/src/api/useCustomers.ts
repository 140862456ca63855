import { keepPreviousData, useQuery } from "@tanstack/react-query";

import type { Count } from "../generated/graphql";
import type { View } from "../view/address";
import { isFiltered, listOf, pageOf } from "../view/variables";
import { cache, refreshLists, REPEATS } from "./cache";
import type { Customer } from "./customer";
import { execute } from "./execute";
import { isTransient } from "./failure";
import { CUSTOMER, CUSTOMER_COUNT, CUSTOMERS } from "./operations";

/** One page of the list. While the next page is loaded, the last one stays. */
export function useCustomers(view: View) {
  const variables = pageOf(view);
  return useQuery({
    queryKey: ["customers", variables],
    queryFn: ({ signal }) => execute(CUSTOMERS, variables, { signal }),
    placeholderData: keepPreviousData,
  });
}

/**
 * How many customers the list has, in words; undefined until it is known. The page asks for it apart,
 * because counting takes longer than a page.
 */
export function useCount(view: View): string | undefined {
  const variables = listOf(view);
  const { data, failureReason } = useQuery({
    queryKey: ["count", variables],
    queryFn: async ({ signal }) => {
      const { customers } = await execute(CUSTOMER_COUNT, variables, { signal });
      return customers ? countInWords(customers.totalCount, isFiltered(view)) : "";
    },
    // A count may take too long each time, and costs the database much.
    retry: (count, failure) => count < REPEATS && isTransient(failure),
  });
  // Without an answer, the last number is that of another list.
  return failureReason ? undefined : data;
}

function countInWords({ count, precision }: Count, isFound: boolean): string {
  const isMore = precision === "AT_LEAST";
  const number = `${isMore ? "more than " : ""}${count.toLocaleString("en")}`;
  if (isFound) return `${number} found`;
  return count === 1 && !isMore ? "1 customer" : `${number} customers`;
}

/** One customer. If the list has loaded it, it is shown at once, and asked again. */
export function useCustomer(id: string) {
  return useQuery({
    queryKey: ["customer", id],
    queryFn: async ({ signal }) => {
      const { customer } = await execute(CUSTOMER, { id }, { signal });
      // The lists may still have a customer that another person has deleted.
      if (!customer) void refreshLists();
      return customer ?? null;
    },
    placeholderData: () => listed(id),
  });
}

/** The customer, if a loaded page of the list has it. */
export function listed(id: string): Customer | undefined {
  const pages = cache.getQueriesData<{ customers?: { nodes: Customer[] } | null }>({ queryKey: ["customers"] });
  for (const [, data] of pages) {
    const found = data?.customers?.nodes.find((customer) => customer.id === id);
    if (found) return found;
  }
  return undefined;
}
