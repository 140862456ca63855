import { useEffect, useRef, useState } from "react";

import type { Failure } from "../api/failure";
import { useCount } from "../api/useCustomers";
import { Panel } from "../shell/Panel";
import { say } from "../shell/status";
import type { View } from "../view/address";
import { customersInWords } from "./counts";
import { exportFile, type Format, FORMATS, save } from "./exportFile";

/** Exports the customers of the list, on all of its pages. */
export function ExportPanel({ view, onClose }: { view: View; onClose: () => void }) {
  const count = useCount(view);
  const [format, setFormat] = useState<Format>("csv");
  const [customers, setCustomers] = useState<number>();
  const [failure, setFailure] = useState<Failure>();
  const running = useRef<AbortController>(undefined);
  const isRunning = customers !== undefined;

  useEffect(() => () => running.current?.abort(), []);

  async function start() {
    const { signal } = (running.current = new AbortController());
    setFailure(undefined);
    setCustomers(0);
    try {
      const done = await exportFile(view, format, setCustomers, signal);
      save(done.file, `customers.${FORMATS[format].ending}`);
      onClose();
      setTimeout(() => say(`Exported ${customersInWords(done.customers)}.`));
    } catch (error) {
      setCustomers(undefined);
      if (!signal.aborted) setFailure(error as Failure);
    }
  }

  return (
    <Panel title="Export customers" kind="box" onClose={onClose}>
      <p>
        The file contains the customers of the list, on all of its pages
        {count && `: ${count.number} ${count.noun}`}.
      </p>
      <fieldset className="choice formats" disabled={isRunning}>
        <legend>Format</legend>
        {Object.entries(FORMATS).map(([name, { label, hint }]) => (
          <label key={name}>
            <input
              type="radio"
              name="format"
              data-autofocus={name === "csv" || undefined}
              checked={format === name}
              onChange={() => setFormat(name as Format)}
            />
            <span>
              {label} <span className="hint">{hint}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <p className="error" role="alert">
        {failure?.message}
      </p>
      {isRunning && (
        <div className="progress">
          <p id="exporting">Exporting: {customersInWords(customers)} …</p>
          <progress aria-labelledby="exporting" />
        </div>
      )}
      <div className="buttons">
        {isRunning ? (
          <button type="button" onClick={() => running.current?.abort()}>
            Stop
          </button>
        ) : (
          <button type="button" className="primary" onClick={() => void start()}>
            {failure ? "Try again" : "Download"}
          </button>
        )}
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Panel>
  );
}
