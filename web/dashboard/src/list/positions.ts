// Which rows of the whole list a page shows. They are counted while a person turns the pages, beginning
// with the first one: the server does not number them.

import type { CustomersQuery } from "../generated/graphql";
import type { View } from "../view/address";

type Page = NonNullable<CustomersQuery["customers"]>;

/** The numbers of the first and the last row, from 1. */
type Rows = [number, number];

/** The number of the row at each cursor to which a person has turned. */
const numbers = new Map<string, number>();

/** Undefined if they are not known, for example after the page was opened by a link. */
export function rowsOf(view: View, { nodes, pageInfo }: Page): Rows | undefined {
  const first = firstOf(view, nodes.length, pageInfo.hasPreviousPage);
  // Other people may have created customers before these.
  const least = pageInfo.hasPreviousPage ? 2 : 1;
  if (nodes.length === 0 || first === undefined || first < least) return undefined;
  return [first, first + nodes.length - 1];
}

function firstOf(view: View, length: number, hasPrevious: boolean): number | undefined {
  if (!hasPrevious) return 1;
  const known = numbers.get(view.before || view.after);
  if (known === undefined) return undefined;
  return view.before ? known - length : known + 1;
}

/** Call it before a person turns to the page before or after these rows. */
export function rememberRows([first, last]: Rows, { startCursor, endCursor }: Page["pageInfo"]) {
  if (startCursor) numbers.set(startCursor, first);
  if (endCursor) numbers.set(endCursor, last);
}
