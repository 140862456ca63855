import type { FieldName } from "./fields";
import { hint, isRequired, SHOWN } from "./fields";

/** One field: its label, what it is written into, what may stand there, and what is wrong with it. */
export function Field({ name, errors = [] }: { name: FieldName; errors?: string[] | undefined }) {
  const { label, kind } = SHOWN[name];
  const hintId = `${name}-hint`;
  const errorId = `${name}-error`;
  const wrong = errors.length > 0;
  const attributes = {
    id: name,
    name,
    required: isRequired(name),
    autoComplete: "off",
    "aria-invalid": wrong,
    "aria-describedby": wrong ? `${errorId} ${hintId}` : hintId,
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
        // Of type `email` the browser would change what was written.
        <input type="text" inputMode={INPUT_MODES[kind ?? "text"]} {...attributes} />
      )}
      {wrong && (
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
