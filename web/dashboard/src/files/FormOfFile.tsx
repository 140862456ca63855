import { useId } from "react";

import type { Options } from "./importFile";

interface Props {
  options: Options;
  isReadOnly: boolean;
  onChange: (options: Options) => void;
}

const ENCODINGS = {
  "utf-8": "UTF-8",
  cp1252: "Windows-1252 (Western Europe)",
  cp1250: "Windows-1250 (Central Europe)",
  cp1251: "Windows-1251 (Cyrillic)",
  cp1253: "Windows-1253 (Greek)",
  cp1254: "Windows-1254 (Turkish)",
  cp1257: "Windows-1257 (Baltic)",
  "iso-8859-1": "ISO 8859-1",
  "iso-8859-15": "ISO 8859-15",
  "utf-16": "UTF-16",
  "utf-16-le": "UTF-16, little-endian",
  "utf-16-be": "UTF-16, big-endian",
  shift_jis: "Shift JIS",
  gb18030: "GB 18030",
  big5: "Big5",
  euc_kr: "EUC-KR",
};

const DELIMITERS = {
  "": "Recognised from the header",
  ",": "Comma",
  ";": "Semicolon",
  "\t": "Tab",
  "|": "Vertical bar",
};

/** The options for reading the file. Another encoding or delimiter lets the server recognise the columns again. */
export function FormOfFile({ options, isReadOnly, onChange }: Props) {
  const id = useId();
  const change = (next: Partial<Options>) => {
    const { encoding, delimiter, reducesPhones } = { ...options, ...next };
    onChange({ encoding, delimiter, reducesPhones });
  };
  return (
    <fieldset className="form-of-file" disabled={isReadOnly}>
      <legend className="hidden">How the file is read</legend>
      <div className="field">
        <label htmlFor={`${id}encoding`}>Encoding</label>
        <select
          id={`${id}encoding`}
          value={options.encoding}
          onChange={(event) => change({ encoding: event.target.value })}
        >
          {Object.entries(ENCODINGS).map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <div className="field">
        <label htmlFor={`${id}delimiter`}>Columns are separated by</label>
        <select
          id={`${id}delimiter`}
          value={options.delimiter}
          onChange={(event) => change({ delimiter: event.target.value })}
        >
          {Object.entries(DELIMITERS).map(([delimiter, label]) => (
            <option key={delimiter} value={delimiter}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <label className="check">
        <input
          type="checkbox"
          checked={options.reducesPhones}
          onChange={(event) =>
            onChange({ ...options, reducesPhones: event.target.checked })
          }
        />
        Import only the digits of phone numbers
      </label>
    </fieldset>
  );
}
