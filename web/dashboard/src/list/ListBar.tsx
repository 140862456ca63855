import { useRef } from "react";

import { reloadList } from "../api/cache";
import { useCount } from "../api/useCustomers";
import type { CustomersQuery } from "../generated/graphql";
import { Icon } from "../shell/Icon";
import { say } from "../shell/status";
import { type Order, ORDERS, type View } from "../view/address";
import { show } from "../view/useView";
import { Chips } from "./Chips";
import { NewsBar } from "./NewsBar";
import { rememberRows, rowsOf } from "./positions";

interface Props {
  view: View;
  /** Undefined until the first page is loaded. */
  page: NonNullable<CustomersQuery["customers"]> | undefined;
  /** Whether the page is that of the last view. */
  isOutdated: boolean;
}

/** How many customers there are, what is new, their order, and the ways to other pages. */
export function ListBar({ view, page, isOutdated }: Props) {
  const { hasPreviousPage = false, hasNextPage = false, startCursor, endCursor } = page?.pageInfo ?? {};
  const latest = useRef<[number, number]>(undefined);
  if (!isOutdated) latest.current = page && rowsOf(view, page);
  const rows = latest.current;

  function turnTo(to: Pick<View, "after" | "before">) {
    if (page && rows) rememberRows(rows, page.pageInfo);
    show(to);
    scrollTo({ top: 0 });
  }

  return (
    <div className="bar">
      <p className="count" role="status">
        <Count view={view} rows={hasPreviousPage || hasNextPage ? rows : undefined} />
      </p>
      <NewsBar view={view} />
      <Chips view={view} />
      <button
        type="button"
        className="icon-button reload"
        aria-label="Reload the list"
        title="Reload the list"
        onClick={() => void reload()}
      >
        <Icon name="reload" />
      </button>
      <label className="order">
        <span className="order-label">Order</span>
        <select value={view.order} onChange={(event) => show({ order: event.target.value as Order })}>
          {Object.entries(ORDERS).map(([order, text]) => (
            <option key={order} value={order}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <nav className="pages" aria-label="Pages">
        <button
          type="button"
          aria-disabled={!hasPreviousPage}
          onClick={() => hasPreviousPage && turnTo({ before: startCursor ?? "", after: "" })}
        >
          <Icon name="left" />
          <span className="page-label">Previous</span>
        </button>
        <button
          type="button"
          aria-disabled={!hasNextPage}
          onClick={() => hasNextPage && turnTo({ after: endCursor ?? "", before: "" })}
        >
          <span className="page-label">Next</span>
          <Icon name="right" />
        </button>
      </nav>
    </div>
  );
}

/** The number of customers, and on a page of several, the numbers of its rows. */
function Count({ view, rows }: { view: View; rows: [number, number] | undefined }) {
  const count = useCount(view);
  if (!rows) return count && `${count.number} ${count.noun}`;
  const [first, last] = rows.map((row) => row.toLocaleString("en"));
  return (
    <>
      {first}–{last}
      {count && ` of ${count.number}`}
      {count && <span className="noun"> {count.noun}</span>}
    </>
  );
}

async function reload() {
  if (await reloadList()) say("The list is up to date.");
}
