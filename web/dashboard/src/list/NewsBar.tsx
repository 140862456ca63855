import { flushSync } from "react-dom";

import { reloadList } from "../api/cache";
import { MOST_CREATED, useNews } from "../live/news";
import type { View } from "../view/address";
import { show } from "../view/useView";
import { isFiltered } from "../view/variables";
import { focusFirstRow } from "./rows";

/** Says that there are new customers. Without any, its place is empty, so that nothing moves. */
export function NewsBar({ view }: { view: View }) {
  const { created, isIncomplete } = useNews();
  // In other lists, the first page may have none of them.
  const isOnTop = /^(CREATED|UPDATED)_AT_DESC$/.test(view.order) && !isFiltered(view);
  if (!isIncomplete && created === 0) return <div className="news" />;
  return (
    <div className="news">
      <p>
        {isIncomplete ? (
          "This list may be out of date."
        ) : (
          <>
            {numberInWords(created)} new<span className="noun"> {created === 1 ? "customer" : "customers"}</span>
            {isFiltered(view) && " in all"}
          </>
        )}
      </p>
      <button type="button" onClick={() => void load(isIncomplete ? {} : { after: "", before: "" })}>
        {isIncomplete || !isOnTop ? "Reload" : "Show"}
      </button>
    </div>
  );
}

export function numberInWords(created: number): string {
  return created > MOST_CREATED
    ? `More than ${MOST_CREATED.toLocaleString("en")}`
    : created.toLocaleString("en");
}

/** Loads the list again, and moves the focus to its first row. */
async function load(page: Partial<View>) {
  const button = document.activeElement;
  flushSync(() => show(page));
  scrollTo({ top: 0 });
  if (!(await reloadList())) return;
  // React shows the rows first.
  setTimeout(() => {
    const isFree = [button, document.body].includes(document.activeElement as HTMLElement);
    if (isFree && !focusFirstRow()) document.getElementById("customers")?.focus();
  });
}
