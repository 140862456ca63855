import { config } from "zod";

import type { CreateCustomerInput, CustomerField, CustomerFieldsFragment } from "../generated/graphql";
import { CreateCustomerInputSchema } from "../generated/rules";

// The page's Content-Security-Policy forbids the code that zod would compile.
config({ jitless: true });

export type FieldName = keyof CreateCustomerInput;

/** The text of each field; empty if the customer has no value. */
export type Values = Record<FieldName, string>;

/** The messages to show at each invalid field. */
export type FieldErrors = Partial<Record<FieldName, string[]>>;

export const GROUPS = ["Customer", "Address", "Invoices"] as const;

interface Shown {
  field: CustomerField;
  group: (typeof GROUPS)[number];
  kind?: "lines" | "email" | "digits";
}

/**
 * How the page shows each field. Labels and hints are those of the server. A field that is added to
 * the schema is an error of the compiler until it has its line here.
 */
export const SHOWN: Record<FieldName, Shown> = {
  name: { field: "NAME", group: "Customer" },
  email: { field: "EMAIL", group: "Customer", kind: "email" },
  description: { field: "DESCRIPTION", group: "Customer", kind: "lines" },
  phoneNumber: { field: "PHONE_NUMBER", group: "Customer", kind: "digits" },
  addressLine1: { field: "ADDRESS_LINE1", group: "Address" },
  addressLine2: { field: "ADDRESS_LINE2", group: "Address" },
  city: { field: "CITY", group: "Address" },
  state: { field: "STATE", group: "Address" },
  zipCode: { field: "ZIP_CODE", group: "Address" },
  country: { field: "COUNTRY", group: "Address" },
  sendEmailAddress: { field: "SEND_EMAIL_ADDRESS", group: "Invoices", kind: "email" },
  ccEmailAddress: { field: "CC_EMAIL_ADDRESS", group: "Invoices", kind: "email" },
};

/** The fields, in the order of the form. */
export const FIELDS = Object.keys(SHOWN) as FieldName[];

export function isField(name: string | undefined): name is FieldName {
  return name !== undefined && name in SHOWN;
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

export function valuesOf(customer: CustomerFieldsFragment): Values {
  return Object.fromEntries(FIELDS.map((name) => [name, customer[name] ?? ""])) as Values;
}

export const NO_VALUES = Object.fromEntries(FIELDS.map((name) => [name, ""])) as Values;

/** The text of each field that is not blank. */
export function inputOf(values: Values): Partial<CreateCustomerInput> {
  const given = FIELDS.filter((name) => !isBlank(values[name]));
  return Object.fromEntries(given.map((name) => [name, values[name]]));
}

/** The fields that differ. `null` removes a value; the email address cannot be removed. */
export function changesOf(before: Values, after: Values): Record<string, string | null> {
  const changed = FIELDS.filter((name) => before[name] !== after[name]);
  return Object.fromEntries(
    changed.map((name) => [name, isBlank(after[name]) && name !== "email" ? null : after[name]]),
  );
}

export function isBlank(text: string): boolean {
  return text.trim() === "";
}
