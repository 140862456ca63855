import { useCount } from "../api/useCustomers";
import type { PageInfo } from "../generated/graphql";
import { Icon } from "../shell/Icon";
import { type Order, ORDERS, type View } from "../view/address";
import { show } from "../view/useView";
import { Chips } from "./Chips";

interface Props {
  view: View;
  pageInfo: PageInfo | undefined;
}

/** How many customers there are, their order, and the ways to other pages. */
export function ListBar({ view, pageInfo }: Props) {
  const count = useCount(view);
  const { hasPreviousPage = false, hasNextPage = false, startCursor, endCursor } = pageInfo ?? {};
  return (
    <div className="bar">
      <p className="count" role="status">
        {count}
      </p>
      <Chips view={view} />
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

function turnTo(page: Pick<View, "after" | "before">) {
  show(page);
  scrollTo({ top: 0 });
}
