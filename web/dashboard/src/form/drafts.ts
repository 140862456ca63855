// What people have typed and not saved, so that closing a form loses nothing. In memory only.

import type { Customer } from "../api/customer";
import { FIELDS, NO_VALUES, type Values, valuesOf } from "./fields";

export interface Draft {
  values: Values;
  /** The customer whose values are changed. A new customer has none. */
  base?: Customer;
}

const drafts = new Map<string, Draft>();

export const NEW = "new";

export function draftOf(id: string): Draft | undefined {
  return drafts.get(id);
}

export function keepDraft(id: string, draft: Draft) {
  const saved = draft.base ? valuesOf(draft.base) : NO_VALUES;
  if (FIELDS.some((name) => draft.values[name] !== saved[name])) drafts.set(id, draft);
  else drafts.delete(id);
}

export function dropDraft(id: string) {
  drafts.delete(id);
}

export function dropAllDrafts() {
  drafts.clear();
}

/** The browser asks before it closes a page with drafts. */
addEventListener("beforeunload", (event) => {
  if (drafts.size > 0) event.preventDefault();
});
