// The outcomes of mutations. A new type of outcome in the schema does not compile here.

import { type FieldErrors, isField } from "../form/fields";
import type {
  CreateCustomerInput,
  CustomerFieldsFragment as Customer,
  FieldErrorsFragment,
  UpdateCustomerInput,
} from "../generated/graphql";
import { execute } from "./execute";
import { outdated } from "./failure";
import { CREATE_CUSTOMER, DELETE_CUSTOMER, UPDATE_CUSTOMER, VALIDATE_CUSTOMER } from "./operations";

/** The messages to show: at their fields, and for the whole form. */
export interface Rejection {
  to: "rejected";
  errors: FieldErrors;
  message?: string;
}
/** Another person has changed the customer. */
interface Changed {
  to: "changed";
  current: Customer;
}
interface Missing {
  to: "missing";
}

export type Creation = { to: "created"; customer: Customer } | Rejection;
export type Update = { to: "updated"; customer: Customer } | Rejection | Changed | Missing;
export type Deletion = { to: "deleted" } | Changed | Missing;

/** Creates a customer, at most once for each key. Throws a `Failure`. */
export async function createCustomer(input: CreateCustomerInput, key: string): Promise<Creation> {
  const { createCustomer: result } = await execute(CREATE_CUSTOMER, { input, idempotencyKey: key });
  switch (result?.__typename) {
    case "CreateCustomerSuccess":
      return { to: "created", customer: result.customer };
    case "CreateCustomerFailure":
      return atTheirFields(result.errors);
    case "IdempotencyConflict":
      return { to: "rejected", errors: {}, message: result.message };
    default:
      result satisfies null | undefined;
      throw outdated();
  }
}

/** Changes the fields in `input`, if the customer has that version. Throws a `Failure`. */
export async function updateCustomer(
  { id, version }: Customer,
  input: UpdateCustomerInput,
): Promise<Update> {
  const { updateCustomer: result } = await execute(UPDATE_CUSTOMER, { id, input, ifVersion: version });
  switch (result?.__typename) {
    case "UpdateCustomerSuccess":
      return { to: "updated", customer: result.customer };
    case "UpdateCustomerFailure":
      return atTheirFields(result.errors);
    case "CustomerChanged":
      return { to: "changed", current: result.current };
    case "CustomerNotFound":
      return { to: "missing" };
    default:
      result satisfies null | undefined;
      throw outdated();
  }
}

/** Deletes the customer, if it has that version. Throws a `Failure`. */
export async function deleteCustomer({ id, version }: Customer): Promise<Deletion> {
  const { deleteCustomer: result } = await execute(DELETE_CUSTOMER, { id, ifVersion: version });
  switch (result?.__typename) {
    case "DeleteCustomerSuccess":
      return { to: "deleted" };
    case "CustomerChanged":
      return { to: "changed", current: result.current };
    case "CustomerNotFound":
      return { to: "missing" };
    default:
      result satisfies null | undefined;
      throw outdated();
  }
}

/** The errors that the server would find in this input. Throws a `Failure`. */
export async function validateCustomer(
  input: CreateCustomerInput,
  id: string | undefined,
): Promise<FieldErrors> {
  const { validateCustomer: errors } = await execute(VALIDATE_CUSTOMER, { input, id: id ?? null });
  return atTheirFields(errors ?? []).errors;
}

/** Puts each message of the server at its field, whatever the kind of error. */
function atTheirFields(errors: FieldErrorsFragment[]): Rejection {
  const found: FieldErrors = {};
  const elsewhere = [];
  for (const { path, message } of errors) {
    const name = path.at(-1);
    if (isField(name)) (found[name] ??= []).push(message);
    else elsewhere.push(message);
  }
  return { to: "rejected", errors: found, ...(elsewhere.length > 0 && { message: elsewhere.join(" ") }) };
}
