import type { CreateCustomerInput } from "./generated/graphql";
import { CreateCustomerInputSchema } from "./generated/rules";

export type FieldName = keyof CreateCustomerInput;

/** The messages to show at each invalid field. */
export type FieldErrors = Partial<Record<FieldName, string[]>>;

export const GROUPS = ["Customer", "Address", "Invoices"] as const;

interface Shown {
  label: string;
  group: (typeof GROUPS)[number];
  kind?: "lines" | "email" | "digits";
}

/**
 * How the form shows each field. The labels are those of the server. A field that is added to the
 * schema is an error of the compiler until it has its line here.
 */
export const SHOWN: Record<FieldName, Shown> = {
  name: { label: "Name", group: "Customer" },
  email: { label: "Email", group: "Customer", kind: "email" },
  description: { label: "Description", group: "Customer", kind: "lines" },
  phoneNumber: { label: "Phone Number", group: "Customer", kind: "digits" },
  addressLine1: { label: "Address Line 1", group: "Address" },
  addressLine2: { label: "Address Line 2", group: "Address" },
  city: { label: "City", group: "Address" },
  state: { label: "State", group: "Address" },
  zipCode: { label: "ZIP Code", group: "Address" },
  country: { label: "Country", group: "Address" },
  sendEmailAddress: { label: "Send Email Address", group: "Invoices", kind: "email" },
  ccEmailAddress: { label: "CC Email Address", group: "Invoices", kind: "email" },
};

/** The fields, in the order of the form. */
export const FIELDS = Object.keys(SHOWN) as FieldName[];

const RULES = CreateCustomerInputSchema.shape as Required<typeof CreateCustomerInputSchema.shape>;

export function isField(name: string | undefined): name is FieldName {
  return name !== undefined && name in SHOWN;
}

export function isRequired(name: FieldName): boolean {
  return !RULES[name].safeParse(undefined).success;
}

/** What a field may hold, in the schema's words: the second paragraph of its description. */
export function hint(name: FieldName): string {
  const paragraphs = RULES[name].description?.split("\n\n") ?? [];
  return (paragraphs[1] ?? "").replaceAll("`", "");
}

/** Every problem that the rules find in an input before it is sent. */
export function errorsOf(input: Partial<CreateCustomerInput>): FieldErrors {
  const errors: FieldErrors = {};
  for (const issue of CreateCustomerInputSchema.safeParse(input).error?.issues ?? []) {
    const [name] = issue.path as [FieldName];
    (errors[name] ??= []).push(issue.message);
  }
  return errors;
}
