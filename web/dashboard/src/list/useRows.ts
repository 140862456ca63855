import { useMemo } from "react";

import type { Customer } from "../api/customer";
import { changeOf, useNews } from "../live/news";
import type { Row } from "./columns";

/** The customers of a page in their places, as they are now. */
export function useRows(customers: Customer[] | undefined): Row[] | undefined {
  const news = useNews();
  return useMemo(
    () =>
      customers?.map((customer) => {
        const change = changeOf(customer, news);
        const isDescribed = Boolean(customer.description);
        if (!change) return { ...customer, isDescribed };
        if (change === "deleted") return { ...customer, isDescribed, mark: "deleted" };
        return { ...change, isDescribed, mark: "changed" };
      }),
    [customers, news],
  );
}
