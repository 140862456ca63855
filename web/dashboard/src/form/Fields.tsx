import { type MouseEvent } from "react";

import { useRules } from "../api/useRules";
import { Field } from "./Field";
import { FIELDS, GROUPS, SHOWN } from "./fields";
import type { useForm } from "./useForm";

interface Props {
  form: ReturnType<typeof useForm>;
  isReadOnly: boolean;
  /** Whether the form has begun with text of an earlier visit. */
  isDraft: boolean;
}

/** All fields, drawn from the rules that the server tells. */
export function Fields({ form, isReadOnly, isDraft }: Props) {
  const rules = useRules();
  const groups = GROUPS.map((group) => (
    <fieldset key={group}>
      <legend>{group}</legend>
      {FIELDS.filter((name) => SHOWN[name].group === group).map((name) =>
        rules ? (
          <Field
            key={name}
            name={name}
            rule={rules[name]}
            value={form.values[name]}
            errors={form.errors[name]}
            isReadOnly={isReadOnly}
            onEdit={form.edit}
            onLeave={(left) => void form.leave(left)}
          />
        ) : (
          <div key={name} className="field skeleton">
            <span />
          </div>
        ),
      )}
    </fieldset>
  ));
  return (
    <>
      {isDraft && <p className="draft">This is your text from before. It is not saved yet.</p>}
      {groups}
    </>
  );
}

/**
 * Keeps the focus in the field until the click. Otherwise the field would lose the focus when the
 * pointer is pressed, its error could appear, and the button would move away from the pointer.
 */
export function keepFocus(event: MouseEvent) {
  if ((event.target as Element).closest("button, label")) event.preventDefault();
}
