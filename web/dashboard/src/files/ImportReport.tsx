import { number, rowsInWords } from "./counts";
import type { Report } from "./importFile";

/** The outcomes of the rows, or those that they would have, and the reasons for rejections. */
export function ImportReport({ report }: { report: Report }) {
  const { rows, created, alreadyThere, rejected, reasons, moreReasons, warnings, isDryRun } = report;
  return (
    <section className="report" aria-label="Report">
      <p className="strong">
        {rowsInWords(rows)}: {number(created)} {isDryRun ? "would be created" : "created"}, {number(alreadyThere)}{" "}
        already there, {number(rejected)} rejected.
      </p>
      {warnings.map((warning) => (
        <p key={warning} className="draft">
          {warning}
        </p>
      ))}
      {reasons.length > 0 && (
        <table>
          <caption className="hidden">Why rows are rejected</caption>
          <thead>
            <tr>
              <th scope="col">Rows</th>
              <th scope="col">First line</th>
              <th scope="col">Reason</th>
            </tr>
          </thead>
          <tbody>
            {reasons.map(({ rows: count, firstLine, reason }) => (
              <tr key={reason}>
                <td className="number">{number(count)}</td>
                <td className="number">{number(firstLine)}</td>
                <td>{reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {moreReasons > 0 && (
        <p className="hint">
          Not shown: {number(moreReasons)} more {moreReasons === 1 ? "reason" : "reasons"}.
        </p>
      )}
    </section>
  );
}
