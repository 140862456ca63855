import type { FieldName } from "./fields";
import { hint, isRequired, SHOWN } from "./fields";

/** One field: its label, its text box, its errors and its rule. */
export function Field({ name, errors = [] }: { name: FieldName; errors?: string[] | undefined }) {
  const { label, kind } = SHOWN[name];
  const hintId = `${name}-hint`;
  const errorId = `${name}-error`;
  const invalid = errors.length > 0;
  const attributes = {
    id: name,
    name,
    required: isRequired(name),
    autoComplete: "off",
    "aria-invalid": invalid,
    "aria-describedby": invalid ? `${errorId} ${hintId}` : hintId,
  };
  return (
    <div className="field">
      <label htmlFor={name}>
        {label}
        {isRequired(name) && <span className="quiet"> (required)</span>}
      </label>
      {kind === "lines" ? (
        <textarea rows={2} {...attributes} />
      ) : (
        // With the type `email`, the browser would change the text.
        <input type="text" inputMode={INPUT_MODES[kind ?? "text"]} {...attributes} />
      )}
      {invalid && (
        <p className="error" id={errorId}>
          {errors.join(" ")}
        </p>
      )}
      <p className="hint" id={hintId}>
        {hint(name)}
      </p>
    </div>
  );
}

const INPUT_MODES = { text: "text", email: "email", digits: "numeric" } as const;
