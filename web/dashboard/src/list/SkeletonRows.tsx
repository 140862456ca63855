const ROWS = 20;

/** Rows that hold the place of the first page until it is loaded. */
export function SkeletonRows({ columns }: { columns: string[] }) {
  return Array.from({ length: ROWS }, (_, row) => (
    <tr key={row} role="row" className="skeleton" aria-hidden="true">
      {columns.map((column) => (
        <td key={column} role="cell" className={`column-${column}`}>
          <span />
        </td>
      ))}
    </tr>
  ));
}
