import { keepPreviousData, useQuery } from "@tanstack/react-query";

import type { View } from "../view/address";
import { listOf, pageOf } from "../view/variables";
import { cache } from "./cache";
import type { Customer } from "./customer";
import { execute } from "./execute";
import { CUSTOMER, CUSTOMER_COUNT, CUSTOMERS } from "./operations";

/** One page of the list. While the next page is loaded, the last one stays. */
export function useCustomers(view: View, enabled: boolean) {
  const variables = pageOf(view);
  return useQuery({
    queryKey: ["customers", variables],
    queryFn: ({ signal }) => execute(CUSTOMERS, variables, { signal }),
    placeholderData: keepPreviousData,
    enabled,
  });
}

/** How many customers the list has. It is asked apart, because counting takes longer than a page. */
export function useCount(view: View, enabled: boolean) {
  const variables = listOf(view);
  const { data } = useQuery({
    queryKey: ["count", variables],
    queryFn: ({ signal }) => execute(CUSTOMER_COUNT, variables, { signal }),
    placeholderData: keepPreviousData,
    enabled,
  });
  return data?.customers?.totalCount;
}

/** One customer. If the list has loaded it, it is shown at once, and asked again. */
export function useCustomer(id: string) {
  return useQuery({
    queryKey: ["customer", id],
    queryFn: async ({ signal }) => (await execute(CUSTOMER, { id }, { signal })).customer ?? null,
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
