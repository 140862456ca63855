import type { CreateCustomerInput } from "./generated/graphql";
import { CreateCustomerInputSchema } from "./generated/rules";

export type FieldName = keyof CreateCustomerInput;

/** What to say at each field that is not right. */
export type FieldErrors = Partial<Record<FieldName, string[]>>;

export const GROUPS = ["Customer", "Address", "Invoices"] as const;

interface Shown {
  label: string;
  group: (typeof GROUPS)[number];
  kind?: "lines" | "email" | "digits";
}

/** How each field is shown. A field that is added to the schema does not compile until it is here. */
export const SHOWN: Record<FieldName, Shown> = {
  name: { label: "Name", group: "Customer" },
  email: { label: "Email", group: "Customer", kind: "email" },
  description: { label: "Description", group: "Customer", kind: "lines" },
  phoneNumber: { label: "Phone", group: "Customer", kind: "digits" },
  addressLine1: { label: "Address, line 1", group: "Address" },
  addressLine2: { label: "Address, line 2", group: "Address" },
  city: { label: "City", group: "Address" },
  state: { label: "State", group: "Address" },
  zipCode: { label: "ZIP code", group: "Address" },
  country: { label: "Country", group: "Address" },
  sendEmailAddress: { label: "Send invoices to", group: "Invoices", kind: "email" },
  ccEmailAddress: { label: "Send copies to", group: "Invoices", kind: "email" },
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

/** What may stand in a field, in the schema's words; those of what it is come before them. */
export function hint(name: FieldName): string {
  const paragraphs = RULES[name].description?.split("\n\n") ?? [];
  return (paragraphs[1] ?? "").replaceAll("`", "");
}

/** What the rules refuse of an input, before it is sent. */
export function errorsOf(input: Partial<CreateCustomerInput>): FieldErrors {
  const errors: FieldErrors = {};
  for (const issue of CreateCustomerInputSchema.safeParse(input).error?.issues ?? []) {
    const [name] = issue.path as [FieldName];
    (errors[name] ??= []).push(issue.message);
  }
  return errors;
}
