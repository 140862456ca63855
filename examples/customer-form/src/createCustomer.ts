import { execute } from "./execute";
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

/** The customer, or the messages to show: at their fields, and for the whole form. */
export type Outcome =
  | { customer: ListedCustomerFragment }
  | { errors: FieldErrors; message?: string };

/** Creates a customer, at most once for each key. Throws an error with a message to show. */
export async function createCustomer(input: CreateCustomerInput, key: string): Promise<Outcome> {
  const { createCustomer: result } = await execute(CREATE_CUSTOMER, { input, idempotencyKey: key });
  switch (result?.__typename) {
    case "CreateCustomerSuccess":
      return { customer: result.customer };
    case "CreateCustomerFailure":
      return atTheirFields(result.errors);
    case "IdempotencyConflict":
      return { errors: {}, message: result.message };
    default:
      // A new type of outcome in the schema does not compile here.
      result satisfies null | undefined;
      throw new Error("This form is older than the server. Reload the page.");
  }
}

/** Puts each message of the server at its field, whatever the kind of error. */
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
