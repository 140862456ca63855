import { useEffect, useRef, useState } from "react";

import { useNews } from "../live/news";
import type { Row } from "./columns";
import { numberInWords } from "./NewsBar";

const PAUSE_MILLISECONDS = 5_000;

/** Lets screen readers read out what has happened, at most once in five seconds. */
export function Announcement({ rows = [] }: { rows: Row[] | undefined }) {
  const { created, isIncomplete } = useNews();
  const text = isIncomplete
    ? "This list may be out of date."
    : [
        created > 0 && `${numberInWords(created)} new ${created === 1 ? "customer" : "customers"}.`,
        marked(rows, "changed"),
        marked(rows, "deleted"),
      ]
        .filter(Boolean)
        .join(" ");
  const latest = useRef(text);
  latest.current = text;
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    const timer = setInterval(() => setSpoken(latest.current), PAUSE_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p className="hidden announcement" role="status">
      {spoken}
    </p>
  );
}

function marked(rows: Row[], mark: Row["mark"]): string | undefined {
  const count = rows.filter((row) => row.mark === mark).length;
  if (count === 0) return undefined;
  return `${count === 1 ? "1 customer" : `${count} customers`} on this page ${mark}.`;
}
