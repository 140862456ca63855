// A server that is away, that rejects requests for a while, and that needs a token.
import {
  audited, button, field, fill, find, heading, listed, opened, openedLive, says, searchBox, texts,
} from "./page.mjs";

/** The server is killed while a person types, and is back later. */
export async function away(context, { given: { name, first, then }, ask }) {
  const form = await opened(context);
  const list = await opened(context);
  const found = {};
  await listed(list);
  await listed(form);
  await button(form, "New customer").click();
  await field(form, "email").waitFor();
  await fill(form, first);
  await ask("kill");
  await fill(form, then);
  await button(form, "Create customer").click();
  const alert = form.locator('dialog [role="alert"]', { hasText: "The server does not answer." });
  await alert.waitFor();
  const kept = await texts(form);
  found.form = await audited(form);
  await searchBox(list).fill(name);
  const waiting = list.locator('.waiting[role="alert"]');
  await waiting.waitFor();
  const said = await waiting.innerText();
  found.list = await audited(list);
  const typed = await searchBox(list).inputValue();

  await ask("start");
  const again = button(form, "Send again");
  const created = form.getByRole("status").filter({ hasText: "Created" }).first();
  await created.or(again).first().waitFor();
  if (await again.isVisible()) await again.click();
  await created.waitFor();
  await waiting.waitFor({ state: "detached" });
  return { found, kept, said, typed, listed: await listed(list) };
}

/** A server that has answered as many requests as it may. */
export async function limited(context, { given: { email } }) {
  const page = await openedLive(context);
  const found = {};
  const before = await listed(page);
  await page.locator(".count:not(:empty)").waitFor();
  // The subscription has no end.
  await page.waitForFunction(() => performance.getEntriesByName(`${location.origin}/graphql`).length === 4);
  await searchBox(page).fill("someone");
  const waiting = page.locator('.waiting[role="alert"]');
  await waiting.waitFor();
  const said = await waiting.innerText();
  const still = await page.locator(".customers tbody a").allInnerTexts();
  found.list = await audited(page);
  await button(page, "New customer").click();
  await fill(page, { email });
  await button(page, "Create customer").click();
  const alert = page.locator('dialog [role="alert"]:not(:empty)');
  await alert.waitFor();
  found.form = await audited(page);
  return { found, before, said, still, alert: await alert.innerText(), kept: await texts(page) };
}

/** People with different tokens, and a token that is revoked while the page is open. */
export async function tokens(context, { given: { wrong, reader, writer, both, next, name }, ask }) {
  const page = await opened(context);
  const found = {};
  const signIn = async (token, stays = false) => {
    await page.getByLabel("API key or token").fill(token);
    await page.getByLabel("Stay signed in").setChecked(stays);
    await button(page, "Sign in").click();
  };
  const offered = () => page.getByRole("button").allInnerTexts();
  const stored = () => page.evaluate(() => [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]);

  await page.getByLabel("API key or token").waitFor();
  found.signIn = await audited(page);
  await signIn(wrong);
  await page.getByText("The server does not accept this token.").waitFor();
  found.wrong = await audited(page);

  await signIn(reader);
  const read = await listed(page);
  const toReader = await offered();
  await page.keyboard.press("n");
  found.reader = await audited(page);
  await page.getByRole("link", { name }).click();
  await heading(page, name).waitFor();
  const toReaderOfOne = await offered();
  found.readOnly = await audited(page);
  const memory = await stored();
  await page.goto("/");
  await page.getByLabel("API key or token").waitFor();

  await signIn(writer, true);
  await heading(page, "Not allowed").waitFor();
  const toWriter = await offered();
  found.notAllowed = await audited(page);
  const kept = await stored();
  await page.reload();
  await heading(page, "Not allowed").waitFor();
  await button(page, "Sign out").click();
  await page.getByLabel("API key or token").waitFor();
  const forgotten = await stored();

  // Where only trusted documents are accepted, every request of the page is one.
  await signIn(both);
  await listed(page);
  await button(page, "New customer").click();
  await fill(page, { name: "Ada Lovelace", email: "ada@example.com" });
  await button(page, "Create customer").click();
  await says(page, "Created Ada Lovelace.");
  await button(page, "Edit").click();
  await fill(page, { city: "London" });
  await ask("revoke");
  await button(page, "Save").click();
  await heading(page, "Sign in again").waitFor();
  found.revoked = await audited(page);
  const behind = (await texts(page)).city;
  await signIn(next);
  await heading(page, "Sign in again").waitFor({ state: "detached" });
  const city = await field(page, "city").inputValue();
  await page.getByRole("button", { name: /^(Save|Send again)$/ }).click();
  await says(page, "Saved Ada Lovelace.");
  await page.keyboard.press("Escape");
  const searched = await find(page, "Lovelace");
  await page.getByRole("link", { name: "Ada Lovelace" }).click();
  await button(page, "Delete …").click();
  await button(page, "Delete customer").click();
  await says(page, "Deleted Ada Lovelace.");
  return { found, read, toReader, toReaderOfOne, toWriter, memory, kept, forgotten, behind, city, searched };
}
