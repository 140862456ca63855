// Uses the form as a person does, and prints the result as JSON.
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

import { inBrowser } from "./browser.mjs";

const [story, server, ...rest] = process.argv.slice(2);
const root = fileURLToPath(new URL("../../../examples/customer-form/", import.meta.url));
const { resolve } = createRequire(root);

// The label of a required field ends with a word that says so.
const field = (page, label) =>
  page.getByRole("textbox", { name: new RegExp(`^${label}(?: \\(required\\))?$`) });
const button = (page, name) => page.getByRole("button", { name, exact: true });

/** The customers beside the form, once they are loaded. */
async function listed(page) {
  await page.locator('section[aria-busy="false"]').waitFor();
  return page.locator("li strong").allInnerTexts();
}

/** Does something that asks the server, and waits until the page has asked. */
async function asks(page, action) {
  const asked = page.waitForRequest("**/graphql");
  await action();
  await asked;
}

/** Writes a search and sends it. */
async function find(page, search) {
  await page.getByRole("searchbox", { name: "Search customers" }).fill(search);
  await asks(page, () => page.keyboard.press("Enter"));
}

/** Opens the form in a new page, and waits for the customers beside it. */
async function opened(context) {
  const page = await context.newPage();
  await page.goto(origin);
  await listed(page);
  return page;
}

/** The message of a creation, once it is there. */
async function status(page) {
  await page.locator('[role="status"]:not(:empty)').waitFor();
  return page.getByRole("status").innerText();
}

async function fill(page, values) {
  for (const [label, value] of Object.entries(values)) await field(page, label).fill(value);
}

/** Sends the form, and returns its message. */
async function create(page, name = "Create customer") {
  await button(page, name).click();
  await page.locator('[role="status"]:not(:empty), form [role="alert"]:not(:empty), .field .error')
    .first().waitFor();
  return {
    status: await page.getByRole("status").innerText(),
    alert: await page.locator('form [role="alert"]').innerText(),
    errors: await errors(page),
    focus: await focus(page),
  };
}

/** The errors by the name of the field that shows them. */
const errors = (page) =>
  page.$$eval('[aria-invalid="true"]', (fields) =>
    Object.fromEntries(fields.map((field) => [
      field.name,
      document.getElementById(field.getAttribute("aria-describedby").split(" ")[0]).innerText,
    ])));

const FIELDS = "fieldset input, textarea";

const focus = (page) => page.evaluate(() => document.activeElement.id);

/** The faults that axe-core finds. */
async function violations(page) {
  await page.addScriptTag({ path: resolve("axe-core") });
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}

/** Collects the idempotency keys of the creations that the page sends from now on. */
function keys(page) {
  const found = [];
  page.on("request", (request) => {
    const key = request.postDataJSON()?.variables?.idempotencyKey;
    if (key) found.push(key);
  });
  return found;
}

const stories = {
  /** The label and the hint of each field, and whether the form is accessible. */
  async labels(context) {
    const page = await opened(context);
    const fields = await page.$$eval(FIELDS, (fields) =>
      fields.map((field) => ({
        name: field.name,
        label: field.labels[0].innerText,
        required: field.required,
        hint: document.getElementById(field.getAttribute("aria-describedby")).innerText,
      })));
    const found = {};
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [320, 1200]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        found[`${colorScheme} ${width}`] = [
          await violations(page),
          await page.evaluate(() => document.documentElement.scrollWidth),
        ];
      }
    }
    await create(page);
    return { fields, found, refused: await violations(page) };
  },

  /** The errors of the rules, when a person leaves a field and when they send the form. */
  async refusals(context) {
    const page = await opened(context);
    const sent = keys(page);
    const empty = await create(page);
    await fill(page, JSON.parse(rest[0]));
    await field(page, "Name").focus();
    const left = await errors(page);
    await field(page, "Name").fill("A");
    const all = await create(page);
    await field(page, "Name").fill("Ada");
    return { empty, left, all, mended: await errors(page), sent };
  },

  /** A slow press on the button, which leaves an invalid field. */
  async press(context) {
    const page = await opened(context);
    // The window is higher than the form: nothing scrolls, and a message above moves the button.
    await page.setViewportSize({ width: 1200, height: 800 });
    const formHeight = await page.locator("form.card").evaluate((form) => form.scrollHeight);
    await page.setViewportSize({ width: 1200, height: 2 * formHeight });
    await fill(page, { Email: "ada@example.com", Name: "!" });
    await page.evaluate(() => addEventListener("submit", () => (globalThis.submitted = true)));
    const { x, y, width, height } = await button(page, "Create customer").boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.waitForTimeout(80);
    await page.mouse.up();
    await page.locator(".field .error").first().waitFor();
    return {
      submitted: await page.evaluate(() => globalThis.submitted ?? false),
      errors: await errors(page),
      focus: await focus(page),
    };
  },

  /** Creates a customer with every field, by keyboard alone. */
  async keyboard(context) {
    const page = await opened(context);
    const stops = [];
    const values = JSON.parse(rest[0]);
    for (const _ of Object.keys(values)) {
      await page.keyboard.press("Tab");
      stops.push(await focus(page));
      await page.keyboard.type(values[stops.at(-1)]);
    }
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const result = { stops, status: await status(page), focus: await focus(page) };
    const left = await page.$$eval(FIELDS, (fields) => fields.map(({ value }) => value).join(""));
    return { ...result, left, listed: await listed(page), item: await page.locator("li").first().innerText() };
  },

  /** How much the window shows of the message of a creation, and of the field with the focus. */
  async created(context) {
    const page = await opened(context);
    const [width, height, email] = rest;
    await page.setViewportSize({ width: Number(width), height: Number(height) });
    await fill(page, { Email: email, "CC Email Address": email });
    const { status, focus } = await create(page);
    const seen = (locator) =>
      locator.evaluate((element) => new Promise((resolve) => {
        new IntersectionObserver(([{ intersectionRatio }]) => resolve(intersectionRatio)).observe(element);
      }));
    return {
      status,
      focus,
      seen: [await seen(page.getByRole("status")), await seen(field(page, "Name"))],
    };
  },

  /** A person leaves an invalid field, corrects it, and sends the form without leaving it again. */
  async mended(context) {
    const page = await opened(context);
    const [label, email, key] = rest;
    await fill(page, { Email: email });
    // Typed key by key, because the browser must see that a person has changed the field.
    await field(page, label).pressSequentially("1");
    await field(page, "State").focus();
    const left = await errors(page);
    await field(page, label).focus();
    await page.keyboard.press("Backspace");
    await page.keyboard.type("London");
    if (key) await page.keyboard.press(key);
    else await button(page, "Create customer").click();
    const first = await status(page);
    await page.keyboard.press("Tab");
    return { left, first, then: await status(page), listed: await listed(page) };
  },

  /** A second click, when the form is empty again. */
  async twice(context) {
    const page = await opened(context);
    await fill(page, { Email: rest[0] });
    await create(page);
    const again = await create(page);
    await field(page, "Email").fill("a");
    return { again, status: await page.getByRole("status").innerText(), listed: await listed(page) };
  },

  /** The message for a request with another token, or with another idempotency key. */
  async refused(context) {
    const page = await opened(context);
    const [email, token, key] = rest;
    await page.route("**/graphql", (route) => {
      const request = route.request();
      const { query, variables } = request.postDataJSON();
      return route.continue({
        headers: { ...request.headers(), ...(token && { authorization: token }) },
        postData: JSON.stringify({
          query,
          variables: { ...variables, ...(key && { idempotencyKey: key }) },
        }),
      });
    }, { times: 1 });
    await fill(page, { Email: email });
    const { alert } = await create(page);
    return { alert, violations: await violations(page) };
  },

  /** The result of one creation. */
  async creation(context) {
    const page = await opened(context);
    await fill(page, { Email: rest[0] });
    const outcome = await create(page);
    const again = await button(page, "Send again").isVisible();
    return { ...outcome, again, hint: await page.locator(".row .hint").innerText() };
  },

  /** The errors that only the server finds, at their fields. */
  async server(context) {
    const page = await opened(context);
    const [email] = rest;
    await fill(page, { Email: email });
    const first = await create(page);
    await fill(page, { Email: email.toUpperCase() });
    const taken = await create(page);
    await fill(page, { Email: "ada@-example.com" });
    const format = await create(page);
    return { first, taken, format, listed: await listed(page) };
  },

  /** A request without an answer, the same request again, and another one. */
  async lost(context) {
    const page = await opened(context);
    const sent = keys(page);
    const [email, other] = rest;
    await page.route("**/graphql", async (route) => {
      await route.fetch();
      await route.abort();
    }, { times: 1 });
    await fill(page, { Email: email });
    const first = await create(page);
    await button(page, "Send again").click();
    const second = await status(page);
    await context.setOffline(true);
    await fill(page, { Email: other });
    const third = await create(page);
    await context.setOffline(false);
    await fill(page, { Name: "Grace Hopper" });
    const fourth = await create(page);
    return { first, second, third, fourth, sent, listed: await listed(page) };
  },

  /** The pages of the list, and searches in it. */
  async list(context) {
    const page = await opened(context);
    const first = await listed(page);
    await button(page, "More customers").focus();
    await asks(page, () => page.keyboard.press("Enter"));
    const second = await listed(page);
    const more = await button(page, "More customers").count();
    await find(page, rest[0]);
    const found = await listed(page);
    await fill(page, { Email: rest[1] });
    await create(page);
    const renewed = await listed(page);
    await find(page, "nobody");
    const none = await listed(page);
    const said = await page.locator("section .quiet").innerText();
    return { first, second, more, found, renewed, none, said, violations: await violations(page) };
  },

  /** A search whose answer arrives after the answer to the next search. */
  async late(context) {
    const page = await opened(context);
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await page.route("**/graphql", async (route) => {
      await released;
      await route.continue();
    }, { times: 1 });
    await find(page, rest[0]);
    await find(page, rest[1]);
    const found = await listed(page);
    const late = page.waitForResponse("**/graphql");
    release();
    await (await late).finished();
    await page.waitForTimeout(100);
    return { found, then: await listed(page) };
  },

  /** A server that does not answer when the page asks for the customers. */
  async back(context) {
    const page = await opened(context);
    const [earlier, later] = rest;
    await fill(page, { Email: earlier });
    await create(page);
    await page.route("**/graphql", (route) => route.abort());
    await page.reload();
    const list = page.locator('section [role="alert"]');
    await list.waitFor();
    const away = await list.innerText();
    await page.unroute("**/graphql");
    await asks(page, () => button(page, "Load again").click());
    const back = await listed(page);
    await fill(page, { Email: later });
    await create(page);
    return { away, back, alerts: await list.count(), listed: await listed(page) };
  },

  /** A server that rejects requests for a while. */
  async limited(context) {
    const page = await opened(context);
    await fill(page, { Email: rest[0] });
    const first = await create(page);
    await fill(page, { Email: rest[1] });
    const second = await create(page);
    const again = await button(page, "Send again").isVisible();
    await page.reload();
    const list = page.locator('section [role="alert"]');
    await list.waitFor();
    return { first, second, again, list: await list.innerText(), violations: await violations(page) };
  },

  /** A picture of the form in use. */
  async picture(context) {
    const page = await opened(context);
    const [file, ...customers] = rest;
    await page.setViewportSize({ width: 1200, height: 800 });
    for (const customer of customers) {
      await fill(page, JSON.parse(customer));
      await create(page);
    }
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: file, fullPage: true });
    return { listed: await listed(page), violations: await violations(page) };
  },
};

const vite = await import(pathToFileURL(resolve("vite")));
process.env.CUSTOMER_FORM_SERVER = server;
const shown = await vite.preview({ root, logLevel: "error", preview: { port: 0 } });
const origin = `http://127.0.0.1:${shown.httpServer.address().port}`;
try {
  console.log(JSON.stringify(await inBrowser(origin, { locale: "en-GB" }, stories[story])));
} finally {
  await shown.close();
}
