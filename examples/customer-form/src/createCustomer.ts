import { execute, UNEXPECTED } from "./execute";
import type { FieldErrors } from "./fields";
import { isField } from "./fields";
import type {
  CreateCustomerInput,
  CreateCustomerMutation,
  ListedCustomerFragment,
} from "./generated/graphql";
import { CREATE_CUSTOMER } from "./operations";

type Result = NonNullable<CreateCustomerMutation["createCustomer"]>;
type Failure = Extract<Result, { __typename: "CreateCustomerFailure" }>;

/** What the form shows: the customer, or what is wrong with which fields or with all of it. */
export type Outcome =
  | { customer: ListedCustomerFragment }
  | { errors: FieldErrors; message?: string };

/** Creates a customer, once for each key. */
export async function createCustomer(input: CreateCustomerInput, key: string): Promise<Outcome> {
  const { createCustomer: result } = await execute(CREATE_CUSTOMER, { input, idempotencyKey: key });
  if (!result) throw new Error(UNEXPECTED);
  switch (result.__typename) {
    case "CreateCustomerSuccess":
      return { customer: result.customer };
    case "CreateCustomerFailure":
      return atTheirFields(result.errors);
    case "IdempotencyConflict":
      return { errors: {}, message: "Nothing was created. Press “Create customer” once more." };
    default:
      result satisfies never;
      throw new Error(UNEXPECTED);
  }
}

/** The server's messages are for people, also those of kinds that are added to the schema later. */
function atTheirFields(errors: Failure["errors"]): Outcome {
  const found: FieldErrors = {};
  const elsewhere = [];
  for (const error of errors) {
    const name = error.path.at(-1);
    if (isField(name)) (found[name] ??= []).push(error.message);
    else elsewhere.push(error.message);
  }
  return elsewhere.length > 0 ? { errors: found, message: elsewhere.join(" ") } : { errors: found };
}
