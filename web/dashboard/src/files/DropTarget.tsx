import { useEffect, useState } from "react";

import { Icon } from "../shell/Icon";
import { openImport } from "./opened";

/** Lets people drop a file on the list. */
export function DropTarget() {
  const [isOver, setOver] = useState(false);

  useEffect(() => {
    const hasFile = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes("Files") === true;
    function over(event: DragEvent) {
      if (!hasFile(event)) return;
      // Otherwise the browser would open the file.
      event.preventDefault();
      setOver(true);
    }
    function leave(event: DragEvent) {
      // Each element that the file leaves sends this event; the last one has no related target.
      if (event.relatedTarget === null) setOver(false);
    }
    function drop(event: DragEvent) {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(false);
      openImport(event.dataTransfer!.files[0]);
    }
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);

  return (
    isOver && (
      <div className="drop-page" role="status">
        <p>
          <Icon name="up" />
          Drop the file to import its customers
        </p>
      </div>
    )
  );
}
