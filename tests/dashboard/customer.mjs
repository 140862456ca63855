// One customer: its life, and people who change it at the same time.
import {
  audited, button, copied, field, fill, focused, heading, listed, opened, says, tabTo, texts,
} from "./page.mjs";

/** The whole life of a customer, by keyboard alone. */
export async function life(context, { given: { values, name } }) {
  const page = await opened(context);
  const { keyboard } = page;
  const found = {};
  await heading(page, "No customers yet").waitFor();
  found.empty = await audited(page);

  await keyboard.press("?");
  await heading(page, "Shortcuts").waitFor();
  found.help = await audited(page);
  await keyboard.press("Escape");

  await keyboard.press("n");
  await field(page, "name").waitFor();
  found.form = await audited(page);
  const stops = [];
  for (const _ of Object.keys(values)) {
    if (stops.length > 0) await keyboard.press("Tab");
    stops.push(await focused(page));
    await keyboard.type(values[stops.at(-1)] ?? "");
  }
  await keyboard.press("Enter");
  await says(page, `Created ${values.name}.`);
  found.customer = await audited(page);

  await keyboard.press("c");
  await says(page, "Copied the email address.");
  const email = await copied(page);
  await keyboard.press("i");
  await says(page, "Copied the id.");
  const id = await copied(page);

  await keyboard.press("e");
  await field(page, "name").waitFor();
  const begins = await focused(page);
  await keyboard.press("Control+A");
  await keyboard.type(name);
  await keyboard.press("Enter");
  await says(page, `Saved ${name}.`);
  await button(page, "Edit").waitFor();
  const ends = await focused(page);
  await keyboard.press("Escape");
  const changed = await listed(page);
  await page.waitForFunction(() => document.activeElement !== document.body);
  const closed = await focused(page);

  await keyboard.press("/");
  const searches = await focused(page);
  await keyboard.type(name);
  await page.waitForURL(/search=/);
  await listed(page);
  await keyboard.press("ArrowDown");
  const row = await focused(page);
  await keyboard.press("Enter");
  await button(page, "Edit").waitFor();
  await tabTo(page, "Delete …");
  await keyboard.press("Enter");
  await heading(page, `Delete ${name}?`).waitFor();
  const leftOver = await page.locator(".status p").allInnerTexts();
  found.question = await audited(page);
  await keyboard.press("Escape");
  await heading(page, `Delete ${name}?`).waitFor({ state: "detached" });
  const asked = await focused(page);
  await keyboard.press("Enter");
  await tabTo(page, "Delete customer");
  await keyboard.press("Enter");
  await says(page, `Deleted ${name}.`);
  await heading(page, "No customer matches").waitFor();
  await page.waitForFunction(() => document.activeElement !== document.body);
  return {
    found, stops, email, id, begins, ends, changed, closed, leftOver, searches, row, asked,
    last: await focused(page), left: page.url(),
  };
}

/** Two people change the same customer, and then one deletes it. */
export async function conflict(context, { given: { name, mine, theirs, picture }, other }) {
  const page = await opened(context);
  const found = {};
  const begin = async (page, values) => {
    await page.getByRole("link", { name }).click();
    await button(page, "Edit").click();
    await fill(page, values);
  };
  await begin(page, mine);
  const theirFaults = await other(async (context) => {
    const page = await opened(context);
    await begin(page, theirs);
    await button(page, "Save").click();
    await says(page, "Saved");
    return {};
  });
  await button(page, "Save").click();
  await heading(page, "Another person has changed this customer").waitFor();
  const focus = await focused(page);
  const sides = await page.locator("fieldset.choice").evaluateAll((choices) =>
    Object.fromEntries(choices.map((choice) => [
      choice.querySelector("legend").innerText,
      {
        ...Object.fromEntries([...choice.querySelectorAll("label")].map((label) => [
          label.querySelector(".side").innerText,
          label.querySelector(".value").innerText,
        ])),
        chosen: choice.querySelector(":checked")?.closest("label").querySelector(".side").innerText,
      },
    ])));
  found.conflict = await audited(page);
  await page.screenshot({ path: picture });
  await button(page, "Save these values").click();
  await page.getByText("Choose a value for each field.", { exact: true }).waitFor();
  found.incomplete = await audited(page);
  await page.getByRole("group", { name: "City" }).getByRole("radio", { name: /^Theirs/ }).check();
  await button(page, "Save these values").click();
  await says(page, "Saved");

  // The other person deletes the customer, while this person changes it again.
  await button(page, "Edit").click();
  await fill(page, { city: "Paris" });
  const deleted = await other(async (context) => {
    const page = await opened(context);
    await page.locator(".customers tbody a").first().click();
    await button(page, "Delete …").click();
    await button(page, "Delete customer").click();
    await says(page, "Deleted");
    return {};
  });
  await button(page, "Save").click();
  await heading(page, "This customer does not exist").waitFor();
  const told = await focused(page);
  found.missing = await audited(page);
  await button(page, "Create a customer from your text").click();
  await field(page, "city").waitFor();
  const kept = await texts(page);
  await button(page, "Discard").click();
  await heading(page, "No customers yet").waitFor();
  await page.waitForFunction(() => document.activeElement !== document.body);
  return {
    found, focus, sides, told, kept, others: [theirFaults, deleted], last: await focused(page),
  };
}
