import { type SortingState, useTable } from "@tanstack/react-table";
import type { KeyboardEvent, MouseEvent } from "react";

import { Icon } from "../shell/Icon";
import type { Order, View } from "../view/address";
import { show } from "../view/useView";
import { COLUMNS, COLUMNS_WITH_CHANGED, features, type Row } from "./columns";
import { SkeletonRows } from "./SkeletonRows";
import { moveInList } from "./rows";

interface Props {
  view: View;
  /** Undefined until the first page is loaded. */
  customers: Row[] | undefined;
  /** Whether the customers are those of the last view. */
  isOutdated: boolean;
}

const NONE: Row[] = [];
const DIRECTIONS = { asc: "ascending", desc: "descending" } as const;

export function CustomerTable({ view, customers, isOutdated }: Props) {
  const [, field, direction] = /^(.+)_(ASC|DESC)$/.exec(view.order)!;
  const sorting = [{ id: field!, desc: direction === "DESC" }];
  const table = useTable({
    features,
    columns: field === "UPDATED_AT" ? COLUMNS_WITH_CHANGED : COLUMNS,
    data: customers ?? NONE,
    getRowId: ({ id }) => id,
    manualSorting: true,
    enableSortingRemoval: false,
    enableMultiSort: false,
    state: { sorting },
    onSortingChange: (update) => {
      const [next] = typeof update === "function" ? update(sorting) : (update as SortingState);
      if (next) show({ order: `${next.id}_${next.desc ? "DESC" : "ASC"}` as Order });
    },
  });

  // Styles that show rows as cards take the meaning of a table away, except with these roles.
  return (
    <table
      role="table"
      className={isOutdated ? "customers outdated" : "customers"}
      aria-busy={!customers || isOutdated}
      aria-label="Customers"
      onKeyDown={(event: KeyboardEvent) => moveInList(event.nativeEvent)}
    >
      <thead role="rowgroup">
        {table.getHeaderGroups().map((group) => (
          <tr key={group.id} role="row">
            {group.headers.map((header) => {
              const sorted = header.column.getIsSorted();
              return (
                <th
                  key={header.id}
                  role="columnheader"
                  scope="col"
                  className={`column-${header.id}`}
                  aria-sort={sorted ? DIRECTIONS[sorted] : undefined}
                >
                  {header.column.getCanSort() ? (
                    <button type="button" onClick={() => header.column.toggleSorting()}>
                      <table.FlexRender header={header} />
                      <span className="sort">{sorted && <Icon name={sorted === "asc" ? "up" : "down"} />}</span>
                    </button>
                  ) : (
                    <table.FlexRender header={header} />
                  )}
                </th>
              );
            })}
          </tr>
        ))}
      </thead>
      <tbody role="rowgroup">
        {customers ? (
          table.getRowModel().rows.map((row) => (
            <tr
              key={row.id}
              role="row"
              className={classOf(row.original)}
              onClick={(event) => openRow(event, row.id)}
            >
              {row.getAllCells().map((cell) => (
                <td key={cell.id} role="cell" className={`column-${cell.column.id}`}>
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))
        ) : (
          <SkeletonRows columns={table.getAllColumns().map(({ id }) => id)} />
        )}
      </tbody>
    </table>
  );
}

function classOf({ mark, isDescribed }: Row): string | undefined {
  return mark && `${mark} ${isDescribed ? "described" : "undescribed"}`;
}

/** A click anywhere in the row opens the customer, unless it selects text. */
function openRow(event: MouseEvent, id: string) {
  if (event.defaultPrevented || getSelection()?.type === "Range") return;
  document.getElementById(`row-${id}`)?.focus();
  show({ customer: id });
}
