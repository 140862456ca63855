// The form: what it says about fields, and about creations that fail.
import {
  audited, button, errors, field, fill, focused, has, opened, says, texts,
} from "./page.mjs";

const alert = (page) => page.locator('form [role="alert"]:not(:empty)');

async function openedForm(context) {
  const page = await opened(context, "?new");
  await field(page, "name").waitFor();
  return page;
}

/** Collects the idempotency keys of the creations that the page sends from now on. */
function keysOf(page) {
  const found = [];
  page.on("request", (request) => {
    const key = request.postDataJSON()?.variables?.idempotencyKey;
    if (key) found.push(key);
  });
  return found;
}

/** Puts other variables into each creation that the page sends from now on. */
const alter = (page, variables) =>
  page.route("**/graphql", (route) => {
    if (!has(route, "idempotencyKey")) return route.fallback();
    const body = route.request().postDataJSON();
    return route.continue({ postData: { ...body, variables: { ...body.variables, ...variables } } });
  });

/** Sends the form, and lets the time pass in which the page itself repeats the request. */
async function createInVain(page) {
  // Time passes only while the page waits: for an answer it would wait too short a time.
  const unanswered = new Set();
  page.on("request", (request) => unanswered.add(request));
  for (const end of ["requestfinished", "requestfailed"]) {
    page.on(end, (request) => unanswered.delete(request));
  }
  await page.clock.install();
  await button(page, "Create customer").click();
  await alert(page).waitFor();
  while (!(await button(page, "Send again").isVisible())) {
    if (unanswered.size === 0) await page.clock.runFor(1000);
    else await page.waitForTimeout(20);
  }
}

/** Every error at its field, and an answer that is lost. */
export async function wrong(context, { given: { taken, altered, email } }) {
  const page = await openedForm(context);
  const found = {};
  const sent = keysOf(page);
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
    await alter(page, { input });
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
  sent.length = 0;
  await page.route("**/graphql", async (route) => {
    if (!has(route, "idempotencyKey")) return route.fallback();
    await route.fetch();
    await route.abort();
  });
  await createInVain(page);
  found.unanswered = await audited(page);
  const kept = await texts(page);
  await page.unroute("**/graphql");
  await button(page, "Send again").click();
  await says(page, `Created ${email}.`);
  return { found, empty, left, results, kept, keys: sent };
}

/** The label and the hint of each field, in the order of the form. */
export async function hints(context) {
  const page = await openedForm(context);
  const fields = await page.$$eval(".field :is(input, textarea)", (fields) =>
    fields.map((field) => ({
      name: field.name,
      label: field.labels[0].innerText,
      required: field.required,
      hint: document.getElementById(field.getAttribute("aria-describedby")).innerText,
    })));
  return { fields };
}

/** A slow press on the button, which leaves an invalid field. */
export async function press(context) {
  const page = await openedForm(context);
  await fill(page, { email: "ada@example.com" });
  await field(page, "ccEmailAddress").pressSequentially("!");
  await button(page, "Create customer").hover();
  await page.mouse.down();
  await page.waitForTimeout(80);
  await page.mouse.up();
  await page.locator('form [aria-invalid="true"]').first().waitFor();
  return { invalid: Object.keys(await errors(page)), focus: await focused(page) };
}

/** The messages for creations with other idempotency keys. */
export async function refused(context, { given: { email, keys } }) {
  const page = await openedForm(context);
  await fill(page, { email });
  const alerts = [];
  for (const idempotencyKey of keys) {
    await alter(page, { idempotencyKey });
    await page.getByRole("button", { name: /^(Create customer|Send again)$/ }).click();
    await alert(page).waitFor();
    alerts.push(await alert(page).innerText());
    await page.unroute("**/graphql");
    await fill(page, { email: "" });
    await fill(page, { email });
  }
  return { alerts, email: await field(page, "email").inputValue() };
}

/** The message after repeats that end with the same error, and the keys of all requests. */
export async function failed(context, { given: { email } }) {
  const page = await openedForm(context);
  const keys = keysOf(page);
  await fill(page, { email });
  await createInVain(page);
  const told = { alert: await alert(page).innerText(), hint: await page.locator(".sending .hint").innerText() };
  const sent = keys.splice(0);
  await fill(page, { name: "Grace Hopper" });
  await button(page, "Create customer").click();
  await alert(page).waitFor();
  return { ...told, sent, changed: keys.slice(0, 1) };
}
