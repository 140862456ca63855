import type { KeyboardEvent } from "react";

import type { Rule } from "../api/useRules";
import { type FieldName, FIELDS, SHOWN } from "./fields";

interface Props {
  name: FieldName;
  rule: Rule;
  value: string;
  errors: string[] | undefined;
  isReadOnly: boolean;
  onEdit: (name: FieldName, value: string) => void;
  onLeave: (name: FieldName) => void;
}

const INPUT_MODES = { text: "text", email: "email", digits: "numeric" } as const;
/** The part of the maximum length from which the length is shown. */
const NEARLY_FULL = 0.6;

/** One field: its label, its text box, its errors and its rule. */
export function Field({ name, rule, value, errors = [], isReadOnly, onEdit, onLeave }: Props) {
  const { kind = "text" } = SHOWN[name];
  const id = idOf(name);
  const isInvalid = errors.length > 0;
  // The server counts code points.
  const length = [...value.trim()].length;
  const attributes = {
    id,
    // A panel that opens gives the focus to the first field.
    "data-autofocus": name === FIELDS[0] || undefined,
    name,
    value,
    required: rule.required,
    readOnly: isReadOnly,
    autoComplete: "off",
    dir: "auto",
    "aria-invalid": isInvalid,
    "aria-describedby": isInvalid ? `${id}-error ${id}-hint` : `${id}-hint`,
    onChange: (event: { target: { value: string } }) => onEdit(name, event.target.value),
    onBlur: () => onLeave(name),
  };
  return (
    <div className="field">
      <label htmlFor={id}>
        {rule.label}
        {rule.required && <span className="quiet"> (required)</span>}
      </label>
      {kind === "lines" ? (
        <textarea rows={2} {...attributes} onKeyDown={sendByKey} />
      ) : (
        // With the type `email`, the browser would change the text.
        <input type="text" inputMode={INPUT_MODES[kind]} spellCheck={false} {...attributes} />
      )}
      <div aria-live="polite">
        {isInvalid && (
          <p className="error" id={`${id}-error`}>
            {errors.join(" ")}
          </p>
        )}
      </div>
      <p className="hint" id={`${id}-hint`}>
        {inWords(rule)} Example: <bdi>{rule.example}</bdi>.
        {length > rule.maxLength * NEARLY_FULL && (
          <span className={length > rule.maxLength ? "counter over" : "counter"}>
            {" "}
            {length} of {rule.maxLength}
          </span>
        )}
      </p>
    </div>
  );
}

/** Sends the form. In a text of several lines, Enter alone begins a new one. */
function sendByKey(event: KeyboardEvent<HTMLTextAreaElement>) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.currentTarget.form!.requestSubmit();
}

/** What the field allows, such as "Letters and spaces; 3 to 50 characters." */
function inWords({ allowed, minLength, maxLength }: Rule): string {
  const length = minLength == null ? `at most ${maxLength}` : `${minLength} to ${maxLength}`;
  return `${allowed.charAt(0).toUpperCase()}${allowed.slice(1)}; ${length} characters.`;
}

export function idOf(name: FieldName): string {
  return `field-${name}`;
}
