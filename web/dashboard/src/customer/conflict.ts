// Two people have changed the same customer.

import { FIELDS, type FieldName, type Values } from "../form/fields";

export type Side = "mine" | "theirs";

/** A field in which the text of this form and the stored text differ. */
export interface Difference {
  name: FieldName;
  mine: string;
  theirs: string;
  /** Undefined if both have changed the field: then a person must choose. */
  suggested?: Side;
}

export function differencesOf(base: Values, mine: Values, theirs: Values): Difference[] {
  return FIELDS.filter((name) => mine[name] !== theirs[name]).map((name) => ({
    name,
    mine: mine[name],
    theirs: theirs[name],
    ...(theirs[name] === base[name]
      ? { suggested: "mine" as const }
      : mine[name] === base[name] && { suggested: "theirs" as const }),
  }));
}

/** The text of each field after a person has chosen. */
export function merged(
  theirs: Values,
  differences: Difference[],
  choices: Partial<Record<FieldName, Side>>,
): Values {
  const mine = differences.filter(({ name }) => choices[name] === "mine");
  return { ...theirs, ...Object.fromEntries(mine.map(({ name, mine: text }) => [name, text])) };
}
