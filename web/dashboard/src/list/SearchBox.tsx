import { useEffect, useRef, useState } from "react";

import { Icon } from "../shell/Icon";
import { show, useView } from "../view/useView";
import { focusFirstRow } from "./rows";

const PAUSE_MILLISECONDS = 150;
/** The longest search that the server accepts. */
const MAX_LENGTH = 100;

/** Searches while a person types. */
export function SearchBox() {
  const { search } = useView();
  const [text, setText] = useState(search);
  // The search that this box has shown last. The address has another one after Back, for example.
  const shown = useRef(search);

  useEffect(() => {
    if (search === shown.current) return;
    shown.current = search;
    setText(search);
  }, [search]);

  useEffect(() => {
    if (text === shown.current) return;
    const timer = setTimeout(() => {
      shown.current = text;
      show({ search: text }, "replace");
    }, PAUSE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);

  return (
    <search className="search">
      <Icon name="search" />
      <input
        id="search"
        type="search"
        aria-label="Search customers"
        aria-keyshortcuts="/"
        placeholder="Search name, email, phone, ZIP code"
        autoComplete="off"
        spellCheck={false}
        dir="auto"
        maxLength={MAX_LENGTH}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" && focusFirstRow()) event.preventDefault();
        }}
      />
      {text === "" && <kbd aria-hidden="true">/</kbd>}
    </search>
  );
}
