import { type ColumnDef, rowSortingFeature, tableFeatures } from "@tanstack/react-table";

import { type Customer, titleOf } from "../api/customer";
import type { CustomerOrderField } from "../generated/graphql";
import { linkTo, show } from "../view/useView";
import { Time } from "./Time";

export const features = tableFeatures({ rowSortingFeature });

/** A customer in the list, as it is now. */
export interface Row extends Customer {
  /** What has happened to it since the list was loaded. */
  mark?: "changed" | "deleted";
  /** Whether it had a description then. A row keeps its lines. */
  isDescribed: boolean;
}

type Column = ColumnDef<typeof features, Row>;

// The ids of the columns that can be sorted are the orders of the API. Others have no accessor.
const SORTED_BY = {
  name: "NAME",
  email: "EMAIL",
  created: "CREATED_AT",
  changed: "UPDATED_AT",
} satisfies Record<string, CustomerOrderField>;

const COMMON: Column[] = [
  {
    id: SORTED_BY.name,
    accessorKey: "name",
    header: "Name",
    sortDescFirst: false,
    cell: ({ row }) => <Name row={row.original} />,
  },
  {
    id: SORTED_BY.email,
    accessorKey: "email",
    header: "Email",
    sortDescFirst: false,
    cell: ({ row }) => <Text value={row.original.email} />,
  },
  {
    id: "description",
    header: "Description",
    cell: ({ row }) => <Text value={row.original.description} />,
  },
  { id: "city", header: "City", cell: ({ row }) => <Text value={row.original.city} /> },
  {
    id: "country",
    header: "Country",
    cell: ({ row }) => <Text value={row.original.country} />,
  },
];

const CREATED: Column = {
  id: SORTED_BY.created,
  accessorKey: "createdAt",
  header: "Created",
  sortDescFirst: true,
  cell: ({ row }) => <Time value={row.original.createdAt} />,
};

const CHANGED: Column = {
  id: SORTED_BY.changed,
  accessorKey: "updatedAt",
  header: "Changed",
  sortDescFirst: true,
  cell: ({ row }) => <Time value={row.original.updatedAt} />,
};

export const COLUMNS = [...COMMON, CREATED];

/** The columns of a list that is ordered by the time of the last change. */
export const COLUMNS_WITH_CHANGED = [...COMMON, CHANGED];

function Name({ row }: { row: Row }) {
  const id = row.mark && `mark-${row.id}`;
  return (
    <div className="name">
      <CustomerLink customer={row} describedBy={id} />
      {row.mark && (
        <span id={id} className={`mark ${row.mark}`}>
          {row.mark}
        </span>
      )}
    </div>
  );
}

function CustomerLink({ customer, describedBy }: { customer: Customer; describedBy: string | undefined }) {
  return (
    <a
      href={linkTo({ customer: customer.id })}
      id={`row-${customer.id}`}
      aria-describedby={describedBy}
      aria-label={customer.name == null ? `${titleOf(customer)}, no name` : undefined}
      onClick={(event) => {
        // With a key, such as Control, the browser opens another tab.
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        show({ customer: customer.id });
      }}
    >
      {customer.name == null ? <span className="missing">No name</span> : <bdi>{customer.name}</bdi>}
    </a>
  );
}

function Text({ value }: { value: string | null | undefined }) {
  return value ? <bdi title={value}>{value}</bdi> : <span className="missing">–</span>;
}
