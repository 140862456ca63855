// Sends a file, and reads the lines of JSON with which the server answers while it imports the file.

import { Failure, failureOf, type GraphQLError, noAnswer } from "../api/failure";
import type { FieldName } from "../form/fields";
import { IMPORT } from "../server";
import { currentToken, rejectToken } from "../session/session";

export type Columns = Partial<Record<FieldName, string[]>>;

/** How the file is read. Without `columns`, the server recognises them. */
export interface Options {
  encoding: string;
  delimiter: string;
  reducesPhones: boolean;
  columns?: Columns;
}

export interface Counts {
  rows: number;
  created: number;
  alreadyThere: number;
  rejected: number;
}

export interface Understood {
  type: "understood";
  format: "csv" | "jsonl";
  delimiter: string | null;
  encoding: string;
  isCompressed: boolean;
  source: string | null;
  rows: number;
  headers: string[];
  columns: Columns;
  samples: { line: number; values?: Partial<Record<FieldName, string>>; fault?: string }[];
}

export interface Report extends Counts {
  type: "report";
  isDryRun: boolean;
  isComplete: boolean;
  reasons: { rows: number; firstLine: number; reason: string }[];
  moreReasons: number;
  warnings: string[];
}

export type ImportEvent =
  | Understood
  | Report
  | ({ type: "progress" } & Counts)
  | { type: "reading"; rows: number }
  | { type: "rejects"; text: string }
  | { type: "error"; message: string; code: string; encoding?: string | null };

/** Sends a file. Throws a `Failure` if the server does not answer to the end. */
export async function importFile(
  file: File,
  options: Options,
  isDryRun: boolean,
  onEvent: (event: ImportEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams({
    encoding: options.encoding,
    ...(isDryRun && { dryRun: "true" }),
    ...(options.delimiter && { delimiter: options.delimiter }),
    ...(options.reducesPhones && { phones: "digits" }),
    ...(options.columns && { columns: JSON.stringify(options.columns) }),
  });
  const response = await sendFor(
    `${IMPORT}?${query}`,
    // With this type, browsers ask the server before a page of another site may send a file.
    { "Content-Type": "application/octet-stream" },
    file,
    signal,
  );
  let isComplete = false;
  await readLines(response, signal, (line) => {
    const event = JSON.parse(line) as ImportEvent;
    isComplete ||= event.type === "report" || event.type === "error";
    onEvent(event);
  });
  if (!isComplete) throw noAnswer();
}

/** The answer to a request that the server accepts. Throws a `Failure`. */
export async function sendFor(
  address: string,
  headers: Record<string, string>,
  body: BodyInit,
  signal: AbortSignal,
): Promise<Response> {
  const token = currentToken();
  const failure = async (response: Response) => {
    const { errors } = (await response.json()) as { errors: [GraphQLError] };
    return failureOf(errors[0]);
  };
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { ...headers, ...(token && { Authorization: `Bearer ${token}` }) },
      body,
      signal,
    });
    if (response.ok) return response;
    throw await failure(response);
  } catch (error) {
    if (signal.aborted) throw error;
    // A proxy's page in place of an answer is not JSON.
    const reason = error instanceof Failure ? error : noAnswer();
    if (reason.kind === "unauthenticated") rejectToken();
    throw reason;
  }
}

async function readLines(response: Response, signal: AbortSignal, onLine: (line: string) => void) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop()!;
      lines.forEach(onLine);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw noAnswer();
  }
}
