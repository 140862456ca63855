// The arguments of the list that a view shows.

import type {
  CustomerFilter,
  CustomerOrderField,
  CustomersQueryVariables,
  OrderDirection,
} from "../generated/graphql";
import type { View } from "./address";

const PAGE_SIZE = 50;

/** What is listed, on all pages. */
export function listOf(view: View): { search: string; filter: CustomerFilter } {
  const createdAt = {
    ...(isDay(view.createdFrom) && { from: startOf(view.createdFrom) }),
    ...(isDay(view.createdBefore) && { before: startOf(view.createdBefore) }),
  };
  const filter = {
    country: valuesIn(view.country),
    city: valuesIn(view.city),
    state: valuesIn(view.state),
    has: view.has,
    hasNot: view.hasNot,
  };
  const given = Object.entries(filter).filter(([, values]) => values.length > 0);
  return {
    search: view.search,
    filter: {
      ...Object.fromEntries(given),
      ...(Object.keys(createdAt).length > 0 && { createdAt }),
    },
  };
}

export function pageOf(view: View): CustomersQueryVariables {
  const [, field, direction] = /^(.+)_(ASC|DESC)$/.exec(view.order)!;
  return {
    ...listOf(view),
    orderBy: { field: field as CustomerOrderField, direction: direction as OrderDirection },
    ...(view.before
      ? { last: PAGE_SIZE, before: view.before }
      : { first: PAGE_SIZE, ...(view.after && { after: view.after }) }),
  };
}

/** Whether the view lists only some of the customers. */
export function isFiltered(view: View): boolean {
  const { search, filter } = listOf(view);
  return search.trim() !== "" || Object.keys(filter).length > 0;
}

function valuesIn(text: string): string[] {
  return text.split(",").map((value) => value.trim()).filter((value) => value !== "");
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** The first moment of a day in the time zone of the browser. */
function startOf(day: string): string {
  return new Date(`${day}T00:00`).toISOString();
}
