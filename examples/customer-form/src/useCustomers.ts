import { useEffect, useState } from "react";

import { execute } from "./execute";
import type { CustomersQueryVariables, ListedCustomerFragment } from "./generated/graphql";
import { CUSTOMERS } from "./operations";

interface Shown {
  /** The request that was answered last. */
  request?: CustomersQueryVariables;
  customers: ListedCustomerFragment[];
  /** The cursor of the next page, or `null` if there is none. */
  next: string | null | undefined;
  /** Why the server did not answer that request with a list. */
  failure?: string;
}

/** The customers on the server, the newest first, page by page. */
export function useCustomers() {
  const [request, setRequest] = useState<CustomersQueryVariables>({});
  const [shown, setShown] = useState<Shown>({ customers: [], next: null });

  useEffect(() => {
    // The answer to an earlier search may be late.
    let outdated = false;
    execute(CUSTOMERS, request).then(
      ({ customers: page }) => {
        if (outdated || !page) return;
        const { hasNextPage, endCursor } = page.pageInfo;
        setShown(({ customers }) => ({
          request,
          customers: request.after ? [...customers, ...page.nodes] : page.nodes,
          next: hasNextPage ? endCursor : null,
        }));
      },
      (error: Error) => {
        if (!outdated) setShown((before) => ({ ...before, request, failure: error.message }));
      },
    );
    return () => {
      outdated = true;
    };
  }, [request]);

  return {
    ...shown,
    search: request.search,
    loading: shown.request !== request,
    /** Loads the first page of the customers that match a search. */
    find: (search: string) => setRequest({ search }),
    /** Loads the first page again, for example after a creation. */
    renew: () => setRequest(({ search }) => ({ search })),
    /** Loads the next page. */
    more: () => setRequest(({ search }) => ({ search, after: shown.next })),
    /** Sends the request again that failed. */
    loadAgain: () => setRequest((failed) => ({ ...failed })),
  };
}
