// Files: what a person imports and exports, and a server that dies in the middle of an import.
import { readFile } from "node:fs/promises";

import { audited, button, find, heading, listed, opened, says } from "./page.mjs";

const report = (page) => page.locator(".report .strong");
const choose = (page, name, text) =>
  page.getByLabel("Choose a CSV or JSON Lines file, or drop it here").setInputFiles({
    name, mimeType: "text/csv", buffer: Buffer.from(text),
  });

/** What the browser saves after a press of the button. */
async function saved(page, name) {
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, name).click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

/** Drags a file over the page, and drops it there. */
async function drop(page, name, text, whileOver) {
  const data = await page.evaluateHandle(([name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name));
    return data;
  }, [name, text]);
  await page.dispatchEvent("body", "dragover", { dataTransfer: data });
  await page.getByText("Drop the file to import its customers").waitFor();
  const found = await whileOver();
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
  return found;
}

/** A file of which the server does not recognise the email address, and then what the list shows. */
export async function files(context, { given: { file, western, word, picture } }) {
  const page = await opened(context);
  const found = {};
  await heading(page, "No customers yet").waitFor();
  await button(page, "Import a file").click();
  found.choice = await audited(page);
  await choose(page, "western.csv", "");
  await page.getByText("The file is empty.").waitFor();
  found.refused = await audited(page);
  await button(page, "Choose another file").click();

  await choose(page, "people.csv", file);
  await page.getByText("No column was recognised as the email address.").waitFor();
  found.unknown = await audited(page);
  await page.getByLabel("Email", { exact: true }).selectOption("Correo");
  await report(page).waitFor();
  const wouldBe = await report(page).innerText();
  found.checked = await audited(page);
  await page.screenshot({ path: picture });
  await page.getByRole("button", { name: /^Import [0-9]+ customers$/ }).click();
  await button(page, "Show the new customers").waitFor();
  const imported = await report(page).innerText();
  found.report = await audited(page);
  const rejected = await saved(page, "Download rejected rows");
  await button(page, "Choose another file").click();
  await choose(page, "people rejected.csv", rejected.text.replace("nobody", "corrected@example.com"));
  await page.getByLabel("Email", { exact: true }).selectOption("Correo");
  await report(page).filter({ hasText: "1 would be created" }).waitFor();
  await button(page, "Import 1 customer").click();
  await button(page, "Show the new customers").click();
  const names = await listed(page);

  found.dropping = await drop(page, "people.csv", western, () => audited(page));
  await page.getByLabel("Encoding").waitFor();
  const again = await report(page).innerText();
  await button(page, "Get the rejected rows").click();
  await button(page, "Download rejected rows").waitFor();
  found.nothing = await audited(page);
  const offered = await page.locator(".panel-foot button").allInnerTexts();
  await page.keyboard.press("Escape");
  await report(page).waitFor({ state: "detached" });

  await find(page, word);
  await page.locator(".count", { hasText: "found" }).waitFor();
  await button(page, "Export").click();
  await heading(page, "Export customers").waitFor();
  await page.getByText("The file contains the customers of the list, on all of its pages: 1 found.").waitFor();
  found.export = await audited(page);
  const table = await saved(page, "Download");
  await says(page, "Exported 1 customer.");
  await button(page, "Export").click();
  await page.getByLabel("JSON Lines").check();
  const objects = await saved(page, "Download");
  await says(page, "Exported 1 customer.");
  return { found, wouldBe, imported, rejected, names, again, offered, table, objects };
}

/** A person stops an import. The server is killed during the next one, and is back later. */
export async function killedImport(context, { given: { file }, ask }) {
  const page = await opened(context);
  await heading(page, "No customers yet").waitFor();
  await button(page, "Import").click();
  await choose(page, "people.csv", file);
  await page.getByRole("button", { name: /^Import [0-9,]+ customers$/ }).click();
  await page.locator(".progress", { hasText: /^Importing: .* [1-9][0-9,]* created/ }).waitFor();
  await page.keyboard.press("Escape");
  const running = await page.locator(".progress").innerText();
  await ask("freeze");
  await button(page, "Stop").click();
  await page.getByText("Stopped. To go on, send the file again: nothing is stored twice.").waitFor();
  const stopped = await page.getByText("At least ").innerText();
  const found = { stopped: await audited(page) };
  await button(page, "Send again").click();
  await page.locator(".progress").waitFor();
  await ask("kill");
  await page.getByRole("alert").filter({ hasText: "The server does not answer." }).waitFor();
  found.killed = await audited(page);
  const said = await page.getByText("Send the file again: nothing is stored twice.").innerText();
  await ask("start");
  await button(page, "Send again").click();
  await button(page, "Show the new customers").waitFor();
  return { found, running, stopped, said, report: await report(page).innerText() };
}
