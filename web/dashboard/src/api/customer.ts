import type { CustomerFieldsFragment } from "../generated/graphql";

export type Customer = CustomerFieldsFragment;

/** What people call the customer. */
export function titleOf({ name, email }: Pick<Customer, "name" | "email">): string {
  return name ?? email;
}
