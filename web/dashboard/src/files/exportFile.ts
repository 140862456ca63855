// Downloads the customers of a list as a file.

import { noAnswer } from "../api/failure";
import { EXPORT } from "../server";
import type { View } from "../view/address";
import { listOf } from "../view/variables";
import { sendFor } from "./importFile";

export const FORMATS = {
  csv: { label: "CSV", hint: "For spreadsheets and other programs.", ending: "csv" },
  excel: { label: "CSV for Excel", hint: "Excel then shows all characters.", ending: "csv" },
  jsonl: { label: "JSON Lines", hint: "One object on each line, for programs.", ending: "jsonl" },
} as const;
export type Format = keyof typeof FORMATS;

const NEWLINE = 0x0a;
const QUOTE = 0x22;
/** After this much, the received parts become a Blob, which the browser may move to the disk. */
const MOST_BYTES_IN_MEMORY = 8_000_000;

/** The file, and the number of its customers. Throws a `Failure` if it is not complete. */
export async function exportFile(
  view: View,
  format: Format,
  onCustomers: (count: number) => void,
  signal: AbortSignal,
): Promise<{ file: Blob; customers: number }> {
  const response = await sendFor(
    EXPORT,
    { "Content-Type": "application/json" },
    JSON.stringify({ format, ...listOf(view) }),
    signal,
  );
  const count = rowCounter(format !== "jsonl");
  let file = new Blob();
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  let customers = 0;
  const reader = response.body!.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      bytes += part.value.length;
      customers = count(part.value);
      onCustomers(customers);
      if (bytes > MOST_BYTES_IN_MEMORY) {
        file = new Blob([file, ...parts]);
        parts = [];
        bytes = 0;
      }
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw noAnswer();
  }
  return { file: new Blob([file, ...parts]), customers };
}

/** Counts the rows in the parts of a file. A table has a header, and line breaks inside quotes. */
function rowCounter(isTable: boolean): (part: Uint8Array) => number {
  let rows = isTable ? -1 : 0;
  let isQuoted = false;
  return (part) => {
    for (const byte of part) {
      if (isTable && byte === QUOTE) isQuoted = !isQuoted;
      else if (byte === NEWLINE && !isQuoted) rows++;
    }
    return Math.max(rows, 0);
  };
}

/** Lets the browser save the file under this name. */
export function save(file: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // Some browsers begin to read only after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
