import { useId } from "react";

import { useRules } from "../api/useRules";
import { type FieldName, FIELDS } from "../form/fields";
import type { Columns, Understood } from "./importFile";

interface Props {
  understood: Understood;
  isReadOnly: boolean;
  onChange: (columns: Columns) => void;
}

const SHOWN_COLUMNS = 30;

/** The columns of each field, with the first values. */
export function Mapping({ understood, isReadOnly, onChange }: Props) {
  const id = useId();
  const rules = useRules();
  const { headers, columns, samples } = understood;
  const used = new Set(Object.values(columns).flat());
  const unused = headers.filter((header) => !used.has(header));

  return (
    <>
      <div className="scrolled" tabIndex={0} role="region" aria-label="The columns of each field">
        <table className="mapping">
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Column</th>
              {samples.map(({ line }) => (
                <th key={line} scope="col" className="sample">
                  Line {line.toLocaleString("en")}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {FIELDS.map((field) => (
              <tr key={field}>
                <th scope="row" id={`${id}${field}`}>
                  {rules?.[field].label ?? field}
                </th>
                <td>
                  <Column
                    labelledBy={`${id}${field}`}
                    headers={headers}
                    chosen={columns[field] ?? []}
                    isReadOnly={isReadOnly}
                    onChange={(next) => onChange({ ...columns, [field]: next })}
                  />
                </td>
                {samples.map(({ line, values, fault }) => (
                  <td key={line} className="sample">
                    <bdi>{fault === undefined ? values?.[field as FieldName] : "cannot be read"}</bdi>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {unused.length > 0 && (
        <p className="hint">
          Not imported: <bdi>{unused.slice(0, SHOWN_COLUMNS).join(", ")}</bdi>
          {unused.length > SHOWN_COLUMNS && ` and ${unused.length - SHOWN_COLUMNS} more`}.
        </p>
      )}
    </>
  );
}

interface ColumnProps {
  labelledBy: string;
  headers: string[];
  chosen: string[];
  isReadOnly: boolean;
  onChange: (columns: string[]) => void;
}

/** One column, or those that are joined, such as a first and a last name. */
function Column({ labelledBy, headers, chosen, isReadOnly, onChange }: ColumnProps) {
  // JSON, because a header may have any character.
  const choices = [...new Set([...(chosen.length > 1 ? [JSON.stringify(chosen)] : []), ...headers.map(alone)])];
  return (
    <select
      aria-labelledby={labelledBy}
      disabled={isReadOnly}
      value={JSON.stringify(chosen)}
      onChange={(event) => onChange(JSON.parse(event.target.value) as string[])}
    >
      <option value="[]">–</option>
      {choices.map((choice) => (
        <option key={choice} value={choice}>
          {(JSON.parse(choice) as string[]).join(" + ")}
        </option>
      ))}
    </select>
  );
}

function alone(header: string): string {
  return JSON.stringify([header]);
}
