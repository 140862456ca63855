import { execute } from "./execute";
import type { FieldErrors } from "./fields";
import { isField } from "./fields";
import type {
  CreateCustomerInput,
  CreateCustomerMutation,
  ListedCustomerFragment,
} from "./generated/graphql";
import { CREATE_CUSTOMER } from "./operations";

type Result = CreateCustomerMutation["createCustomer"];
type Failure = Extract<Result, { __typename: "CreateCustomerFailure" }>;
type FieldError = Failure["errors"][number];

/** What the form shows: the customer, or what is wrong with which fields or with all of it. */
export type Outcome =
  | { customer: ListedCustomerFragment }
  | { errors: FieldErrors; message?: string };

/** Creates a customer, once for each key. */
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
      result satisfies null | undefined;
      throw new Error("The server answered in a way that this form does not know.");
  }
}

function atTheirFields(errors: FieldError[]): Outcome {
  const found: FieldErrors = {};
  const elsewhere = [];
  for (const error of errors) {
    const name = error.path.at(-1);
    if (isField(name)) (found[name] ??= []).push(messageOf(error));
    else elsewhere.push(error.message);
  }
  return elsewhere.length > 0 ? { errors: found, message: elsewhere.join(" ") } : { errors: found };
}

/** Names every kind of error: one that is added to the schema does not compile until it is here. */
function messageOf(error: FieldError): string {
  switch (error.__typename) {
    case "RequiredFieldError":
      return "Fill this in.";
    case "TooShortError":
      return `Use at least ${error.minLength} characters.`;
    case "TooLongError":
      return `Use at most ${error.maxLength} characters.`;
    case "InvalidFormatError":
      return `Write this as ${error.allowed}, for example ${error.example}.`;
    case "WrongTypeError":
      return `Write this as ${error.expected}.`;
    case "EmailTakenError":
      return "There is a customer with this address already.";
    default:
      // A server that is newer than this form may send what it does not know.
      return (error satisfies never as { message: string }).message;
  }
}
