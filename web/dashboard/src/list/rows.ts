// The focus in the list. A row has the focus if the link to its customer has it.

const LINKS = ".customers tbody a";

/** Moves the focus to another row: arrows, Home and End. */
export function moveInList(event: KeyboardEvent) {
  const links = [...document.querySelectorAll<HTMLElement>(LINKS)];
  const at = links.findIndex((link) => link === document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  const link = to === undefined || at === -1 ? undefined : links[to];
  if (!link) return;
  event.preventDefault();
  focusOn(link);
}

export function focusFirstRow(): boolean {
  const link = document.querySelector<HTMLElement>(LINKS);
  if (link) focusOn(link);
  return link !== null;
}

/** The id of the customer whose row has the focus. */
export function focusedCustomer(): string | undefined {
  const { id = "" } = document.activeElement ?? {};
  return id.startsWith("row-") ? id.slice("row-".length) : undefined;
}

function focusOn(link: HTMLElement) {
  link.focus();
  link.closest("tr")?.scrollIntoView({ block: "nearest" });
}
