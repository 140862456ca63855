import { useEffect } from "react";

import { useCustomers } from "../api/useCustomers";
import { useLiveNews } from "../live/follow";
import type { Rights } from "../session/useRights";
import type { View } from "../view/address";
import { show } from "../view/useView";
import { isFiltered } from "../view/variables";
import { Announcement } from "./Announcement";
import { CustomerTable } from "./CustomerTable";
import { FailureNotice, NotAllowed, WaitingNotice } from "./failures";
import { ListBar } from "./ListBar";
import { NewsBar } from "./NewsBar";
import { NoCustomers, NoMatch } from "./nothing";
import { useRows } from "./useRows";

/** One page of customers, or what is in the way. */
export function CustomerList({ view, rights }: { view: View; rights: Rights }) {
  const { data, error, failureReason, isPlaceholderData, refetch } = useCustomers(view);
  const page = data?.customers;
  const customers = page?.nodes;
  const rows = useRows(customers);
  const isPageEmpty = customers?.length === 0 && !isPlaceholderData;
  const isLaterPage = view.after !== "" || view.before !== "";
  // A cursor of another list, or a page whose customers are deleted.
  const isLost = isLaterPage && (error?.kind === "rejected" || isPageEmpty);

  useLiveNews(rights.reads && page !== undefined);
  useEffect(() => {
    if (isLost) show({ after: "", before: "" }, "replace");
  }, [isLost]);

  if (!rights.reads) return <NotAllowed rights={rights} />;
  if (error && !isLost) return <FailureNotice failure={error} onRetry={() => void refetch()} />;
  const isEmpty = isPageEmpty && !isLaterPage;
  if (isEmpty && !isFiltered(view)) {
    return (
      <>
        <div className="bar">
          <NewsBar view={view} />
        </div>
        <Announcement rows={rows} />
        <NoCustomers rights={rights} />
      </>
    );
  }
  return (
    <>
      <ListBar view={view} page={page ?? undefined} isOutdated={isPlaceholderData} />
      {failureReason && <WaitingNotice failure={failureReason} onRetry={() => void refetch()} />}
      <p className="hidden" role="status">
        {customers && !isPlaceholderData && pageInWords(customers)}
      </p>
      <Announcement rows={rows} />
      {isEmpty ? (
        <NoMatch view={view} />
      ) : (
        <CustomerTable view={view} customers={rows} isOutdated={isPlaceholderData} />
      )}
    </>
  );
}

/** What a screen reader reads out when a page is loaded. */
function pageInWords(customers: { name?: string | null; email: string }[]): string {
  const [first] = customers;
  if (!first) return "The list is empty.";
  const number = customers.length === 1 ? "1 customer" : `${customers.length} customers`;
  return `This page lists ${number}. The first is ${first.name ?? first.email}.`;
}
