import { useEffect, useRef, useState } from "react";

import { refreshLists } from "../api/cache";
import type { Failure } from "../api/failure";
import { server } from "../server";
import { type Counts, importFile, type ImportEvent, type Options, type Report, type Understood } from "./importFile";

const STOPPED = "Stopped. To go on, send the file again: nothing is stored twice.";

/** Why the server rejects the file, or ends its import. */
export interface Problem {
  message: string;
  code: string;
  encoding?: string | null;
}

export interface State {
  at: "choosing" | "checking" | "checked" | "importing" | "done";
  file?: File;
  options: Options;
  understood?: Understood;
  counts?: Counts;
  /** The number of rows that the server has read before it sends `understood`. */
  read?: number;
  report?: Report;
  rejects?: Blob;
  problem?: Problem;
  failure?: Failure;
}

export const DEFAULTS: Options = { encoding: "utf-8", delimiter: "", reducesPhones: false };

/** One import: the file, the options, and the answers of the server. */
export function useImport(dropped: File | undefined) {
  const [state, setState] = useState<State>({ at: "choosing", options: DEFAULTS });
  const running = useRef<AbortController>(undefined);

  async function run(file: File, options: Options, isDryRun: boolean) {
    running.current?.abort();
    const { maxImportBytes = Infinity } = server;
    if (file.size > maxImportBytes) {
      // The server would reject it, in the middle of the file.
      const message = `The file is larger than ${maxImportBytes.toLocaleString("en")} bytes. Split it.`;
      return setState({ at: "checked", file, options, problem: { message, code: "CONTENT_TOO_LARGE" } });
    }
    const current = (running.current = new AbortController());
    // The earlier understanding stays until the server sends a newer one.
    setState((before) => ({
      at: isDryRun ? "checking" : "importing",
      file,
      options,
      ...(before.file === file && before.understood && { understood: before.understood }),
    }));
    const rejects: string[] = [];
    const update = (change: Partial<State>) => {
      if (running.current === current) setState((before) => ({ ...before, ...change }));
    };
    const end = isDryRun ? "checked" : "done";
    function take(event: ImportEvent) {
      switch (event.type) {
        case "reading":
          return update({ read: event.rows });
        case "understood":
          return update({ understood: event });
        case "progress":
          return update({ counts: event });
        case "report":
          return update({ report: event });
        case "rejects":
          rejects.push(event.text);
          return;
        case "error":
          return update({ problem: event });
        default:
          event satisfies never;
      }
    }
    try {
      await importFile(file, options, isDryRun, take, current.signal);
      update({ at: end });
    } catch (error) {
      if (!current.signal.aborted) update({ at: end, failure: error as Failure });
      else if (current.signal.reason === STOPPED) update({ at: end, problem: { message: STOPPED, code: "STOPPED" } });
    } finally {
      if (rejects.length > 0) update({ rejects: new Blob(rejects) });
      if (!isDryRun) void refreshLists();
    }
  }

  useEffect(() => {
    if (dropped) void run(dropped, DEFAULTS, true);
    return () => running.current?.abort();
  }, []);

  // A closed tab ends the import. Rows that are stored by then stay.
  useEffect(() => {
    if (state.at !== "importing") return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [state.at]);

  return {
    state,
    check: (file: File, options: Options) => void run(file, options, true),
    /** Imports with the columns that the page shows, even if the server would now recognise others. */
    start: () =>
      state.file &&
      void run(state.file, { ...state.options, ...(state.understood && { columns: state.understood.columns }) }, false),
    stop: () => running.current?.abort(STOPPED),
    restart: () => {
      running.current?.abort();
      setState({ at: "choosing", options: DEFAULTS });
    },
  };
}
