import { say } from "./status";

/** Copies a text, and says so. */
export async function copy(text: string, name: string) {
  try {
    // Browsers offer the clipboard to pages of this machine and to https only.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copySelected(text);
    say(`Copied the ${name}.`);
  } catch {
    say(`The browser does not let this page copy the ${name}.`);
  }
}

function copySelected(text: string) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  const focused = document.activeElement as HTMLElement | null;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  if (!isCopied) throw new Error("The browser has not copied the text.");
}
