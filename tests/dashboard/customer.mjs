// One customer: its life, its form, and people who change it at the same time.
import {
  audited, button, copied, errors, field, fill, focused, has, heading, listed, opened, requestsWith,
  says, tabTo, texts,
} from "./page.mjs";

/** The whole life of a customer, by keyboard alone. */
export async function life(context, { given: { values, name } }) {
  const page = await opened(context);
  const { keyboard } = page;
  const found = {};
  await heading(page, "No customers yet").waitFor();
  found.empty = await audited(page);

  await keyboard.press("?");
  await heading(page, "Keys").waitFor();
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
    found, stops, email, id, begins, ends, changed, searches, row, asked,
    last: await focused(page), left: page.url(),
  };
}

/** Every error at its field, and an answer that is lost. */
export async function form(context, { given: { taken, altered, email } }) {
  const page = await opened(context, "?new");
  const found = {};
  const sent = requestsWith(page, "idempotencyKey");
  await field(page, "email").waitFor();
  await button(page, "Create customer").click();
  const empty = { errors: await errors(page), focus: await focused(page) };

  await field(page, "phoneNumber").pressSequentially("1");
  await field(page, "email").fill(taken);
  await page.keyboard.press("Tab");
  await page.locator('#field-email[aria-invalid="true"]').waitFor();
  const left = await errors(page);
  found.errors = await audited(page);

  // The rules of the page do not stop what a test puts into the request.
  await fill(page, { email, phoneNumber: "" });
  const results = [];
  for (const input of altered) {
    await page.route("**/graphql", (route) => {
      if (!has(route, "idempotencyKey")) return route.fallback();
      const body = route.request().postDataJSON();
      return route.continue({ postData: { ...body, variables: { ...body.variables, input } } });
    });
    await button(page, "Create customer").click();
    await button(page, "Creating …").waitFor({ state: "detached" });
    await page.locator('dialog [aria-invalid="true"]').first().waitFor();
    results.push(await errors(page));
    await page.unroute("**/graphql");
    // A changed field shows no error of the server any more.
    for (const name of Object.keys(results.at(-1))) await fill(page, { [name]: "Changed" });
    for (const name of Object.keys(results.at(-1))) await fill(page, { [name]: "" });
    await fill(page, { email });
    await page.locator('dialog [aria-invalid="true"]').first().waitFor({ state: "detached" });
  }

  // The server creates the customer, and no answer arrives: neither now nor to the three repeats.
  await page.clock.install();
  sent.length = 0;
  await page.route("**/graphql", async (route) => {
    if (!has(route, "idempotencyKey")) return route.fallback();
    await route.fetch();
    await route.abort();
  });
  await button(page, "Create customer").click();
  await page.getByText("Your text is still here. Trying again …").waitFor();
  while (!(await button(page, "Send again").isVisible())) await page.clock.runFor(1000);
  found.unanswered = await audited(page);
  const kept = await texts(page);
  await page.unroute("**/graphql");
  await button(page, "Send again").click();
  await says(page, `Created ${email}.`);
  return {
    found, empty, left, results, kept, keys: sent.map(({ idempotencyKey }) => idempotencyKey),
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
  found.missing = await audited(page);
  await button(page, "Create a customer from your text").click();
  await field(page, "city").waitFor();
  return { found, focus, sides, kept: await texts(page), others: [theirFaults, deleted] };
}
