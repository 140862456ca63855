import { type DragEvent, useEffect, useId, useRef, useState } from "react";

import { NO_FILTER } from "../view/address";
import { Icon } from "../shell/Icon";
import { Panel } from "../shell/Panel";
import { show } from "../view/useView";
import { customersInWords, number, rowsInWords } from "./counts";
import { save } from "./exportFile";
import { FormOfFile } from "./FormOfFile";
import type { Counts } from "./importFile";
import { ImportReport } from "./ImportReport";
import { Mapping } from "./Mapping";
import { DEFAULTS, type State, useImport } from "./useImport";

interface Props {
  dropped: File | undefined;
  onClose: () => void;
}

/** Imports a file. Shows how the server understands it, the columns of each field, and the report. */
export function ImportPanel({ dropped, onClose }: Props) {
  const { state, check, start, stop, restart } = useImport(dropped);
  const buttons = useRef<HTMLDivElement>(null);
  const { at, file, options, understood, counts, report, problem, failure, rejects } = state;
  const isRunning = at === "importing";
  const isAgain = at === "done" && (failure !== undefined || (report ? !report.isComplete : problem !== undefined));
  const canStart = at === "checked" && report !== undefined && report.created + report.rejected > 0;

  // The button that had the focus may be gone.
  useEffect(() => {
    if (document.activeElement === document.body) buttons.current?.querySelector("button")?.focus();
  }, [at]);

  function choose(chosen: File | undefined) {
    if (chosen) check(chosen, DEFAULTS);
  }

  return (
    // Only a press of Stop ends a running import, not one beside the panel.
    <Panel title="Import customers" {...(!isRunning && { onClose })}>
      {at === "choosing" || !file ? (
        <Choice onFile={choose} />
      ) : (
        <>
          <p className="strong">
            <bdi>{file.name}</bdi>
          </p>
          {at !== "done" && understood && <p>{inWords(understood)}</p>}
          {(at === "checking" || isRunning) && <Progress state={state} />}
          <div className="import-end" aria-live="polite">
            {failure && (
              <p className="error" role="alert">
                {failure.message}
              </p>
            )}
            {problem && (
              <p className="error" role="alert">
                {problem.message}
              </p>
            )}
            {at === "done" && failure && <p>Send the file again: nothing is stored twice.</p>}
            {report && <ImportReport report={report} />}
            {at === "done" && !report && counts && (
              <p className="strong">
                {/* The server may have stored more rows since. */}
                At least {rowsInWords(counts.rows)}: {outcomes(counts)}
              </p>
            )}
          </div>
          {at !== "done" && (
            <>
              <FormOfFile options={options} isReadOnly={isRunning} onChange={(next) => check(file, next)} />
              {understood && (
                <Mapping
                  understood={understood}
                  isReadOnly={isRunning}
                  onChange={(columns) => check(file, { ...options, columns })}
                />
              )}
            </>
          )}
          <footer className="panel-foot">
            <div className="buttons" ref={buttons}>
              {isRunning && (
                <button type="button" onClick={stop}>
                  Stop
                </button>
              )}
              {canStart && (
                <button type="button" className="primary" onClick={start}>
                  {report.created > 0 ? `Import ${customersInWords(report.created)}` : "Get the rejected rows"}
                </button>
              )}
              {at === "checked" && failure && (
                <button type="button" className="primary" onClick={() => check(file, options)}>
                  Try again
                </button>
              )}
              {isAgain && (
                <button type="button" className="primary" onClick={start}>
                  Send again
                </button>
              )}
              {at === "done" && !isAgain && report !== undefined && report.created > 0 && (
                <button type="button" className="primary" onClick={showNewest}>
                  Show the new customers
                </button>
              )}
              {rejects && (
                <button type="button" onClick={() => save(rejects, rejectsName(state))}>
                  <Icon name="down" />
                  Download rejected rows
                </button>
              )}
              {!isRunning && (
                <button type="button" onClick={restart}>
                  Choose another file
                </button>
              )}
            </div>
          </footer>
        </>
      )}
    </Panel>
  );

  function showNewest() {
    show({ search: "", order: "CREATED_AT_DESC", ...NO_FILTER });
    onClose();
  }
}

/** The place to choose a file, or to drop it on. */
function Choice({ onFile }: { onFile: (file: File | undefined) => void }) {
  const id = useId();
  const [isOver, setOver] = useState(false);

  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    onFile(event.dataTransfer.files[0]);
  }

  return (
    <div
      className={isOver ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <span className="notice-icon">
        <Icon name="up" />
      </span>
      <label htmlFor={id} className="strong">
        Choose a CSV or JSON Lines file, or drop it here
      </label>
      <input
        id={id}
        type="file"
        accept=".csv,.tsv,.txt,.json,.jsonl,.ndjson,.gz"
        data-autofocus
        aria-describedby={`${id}-hint`}
        onChange={(event) => onFile(event.target.files?.[0])}
      />
      <p className="hint" id={`${id}-hint`}>
        Exports of Stripe, Shopify, WooCommerce and BigCommerce are recognised. Nothing is stored until you press
        Import.
      </p>
    </div>
  );
}

function Progress({ state: { at, counts, read, understood } }: { state: State }) {
  const id = useId();
  const done = counts?.rows ?? 0;
  const total = understood?.rows;
  const isCounted = counts !== undefined && total !== undefined;
  return (
    <div className="progress">
      <p id={id}>
        {isCounted
          ? `${at === "importing" ? "Importing" : "Checking"}: ${number(done)} of ${number(total)} rows.`
          : read
            ? `Reading: ${rowsInWords(read)}.`
            : "Sending the file …"}
        {at === "importing" && counts && ` ${outcomes(counts)}`}
      </p>
      <progress aria-labelledby={id} {...(isCounted && { value: done, max: Math.max(total, 1) })} />
    </div>
  );
}

function outcomes({ created, alreadyThere, rejected }: Counts): string {
  return `${number(created)} created, ${number(alreadyThere)} already there, ${number(rejected)} rejected.`;
}

const SEPARATORS: Record<string, string> = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars" };

function inWords({ format, delimiter, encoding, isCompressed, rows, source }: NonNullable<State["understood"]>): string {
  const separated = delimiter ? `, separated by ${SEPARATORS[delimiter] ?? `“${delimiter}”`}` : "";
  const form = format === "csv" ? `CSV${separated}` : "JSON Lines";
  const origin = source ? ` It looks like an export of ${source}.` : "";
  return `${form}, ${encoding.toUpperCase()}${isCompressed ? ", compressed" : ""}. ${rowsInWords(rows)}.${origin}`;
}

function rejectsName({ file, understood }: State): string {
  const name = file!.name.replace(/\.gz$/i, "").replace(/\.[^.]*$/, "");
  return `${name} rejected.${understood?.format ?? "csv"}`;
}
