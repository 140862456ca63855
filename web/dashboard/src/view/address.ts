// What the page shows, as text in its address, so that a view can be sent and Back works.

import { SHOWN } from "../form/fields";
import type { CustomerField, CustomerOrderField, OrderDirection } from "../generated/graphql";

export type Order = `${CustomerOrderField}_${OrderDirection}`;

export interface View {
  search: string;
  order: Order;
  /** Values, separated by commas, which no country, city or state contains. */
  country: string;
  city: string;
  state: string;
  has: CustomerField[];
  hasNot: CustomerField[];
  /** Days, such as 2026-11-22, in the time zone of the browser. */
  createdFrom: string;
  createdBefore: string;
  /** Cursors. The page begins after one or ends before the other. */
  after: string;
  before: string;
  /** The id of the customer that is open. */
  customer: string;
  isNew: boolean;
}

export const ORDERS: Record<Order, string> = {
  CREATED_AT_DESC: "Newest first",
  CREATED_AT_ASC: "Oldest first",
  UPDATED_AT_DESC: "Latest change first",
  UPDATED_AT_ASC: "Earliest change first",
  NAME_ASC: "Name, A to Z",
  NAME_DESC: "Name, Z to A",
  EMAIL_ASC: "Email, A to Z",
  EMAIL_DESC: "Email, Z to A",
};

export const NO_FILTER = {
  country: "",
  city: "",
  state: "",
  has: [],
  hasNot: [],
  createdFrom: "",
  createdBefore: "",
} satisfies Partial<View>;

const TEXTS = [
  "search",
  "country",
  "city",
  "state",
  "createdFrom",
  "createdBefore",
  "after",
  "before",
  "customer",
] as const;
const DEFAULT_ORDER: Order = "CREATED_AT_DESC";

export function viewOf(address: string): View {
  const parameters = new URLSearchParams(address);
  const order = parameters.get("order") ?? "";
  const texts = TEXTS.map((name) => [name, parameters.get(name) ?? ""]);
  return {
    ...(Object.fromEntries(texts) as Record<(typeof TEXTS)[number], string>),
    order: order in ORDERS ? (order as Order) : DEFAULT_ORDER,
    has: fieldsOf(parameters.get("has")),
    hasNot: fieldsOf(parameters.get("hasNot")),
    isNew: parameters.has("new"),
  };
}

/** The query string, which is empty for the first page of the newest customers. */
export function addressOf(view: View): string {
  const parameters = new URLSearchParams();
  for (const name of TEXTS) if (view[name]) parameters.set(name, view[name]);
  if (view.order !== DEFAULT_ORDER) parameters.set("order", view.order);
  if (view.has.length > 0) parameters.set("has", view.has.join(","));
  if (view.hasNot.length > 0) parameters.set("hasNot", view.hasNot.join(","));
  if (view.isNew) parameters.set("new", "");
  return parameters.toString().replace(/\bnew=$/, "new");
}

const KNOWN_FIELDS = new Set<string>(Object.values(SHOWN).map(({ field }) => field));

function fieldsOf(text: string | null): CustomerField[] {
  return (text ?? "").split(",").filter((name) => KNOWN_FIELDS.has(name)) as CustomerField[];
}
