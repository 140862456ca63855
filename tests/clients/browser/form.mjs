// Uses the dashboard's form as a person does, and prints the result as JSON.
import { inBrowser } from "./browser.mjs";

const [story, server, ...rest] = process.argv.slice(2);

const field = (page, name) => page.locator(`#field-${name}`);
const create = (page) => page.getByRole("button", { name: /^(Create customer|Send again)$/ });
const alert = (page) => page.locator('form [role="alert"]:not(:empty)');

/** Opens the form in a new page. */
async function opened(context) {
  const page = await context.newPage();
  await page.goto(`${server}/?new`);
  await field(page, "name").waitFor();
  return page;
}

const isCreation = (route) => "idempotencyKey" in route.request().postDataJSON().variables;

const stories = {
  /** The label and the hint of each field, in the order of the form. */
  async hints(context) {
    const page = await opened(context);
    const fields = await page.$$eval(".field :is(input, textarea)", (fields) =>
      fields.map((field) => ({
        name: field.name,
        label: field.labels[0].innerText,
        required: field.required,
        hint: document.getElementById(field.getAttribute("aria-describedby")).innerText,
      })));
    return { fields };
  },

  /** A slow press on the button, which leaves an invalid field. */
  async press(context) {
    const page = await opened(context);
    await field(page, "email").fill("ada@example.com");
    await field(page, "ccEmailAddress").pressSequentially("!");
    await create(page).hover();
    await page.mouse.down();
    await page.waitForTimeout(80);
    await page.mouse.up();
    const invalid = page.locator('form [aria-invalid="true"]');
    await invalid.first().waitFor();
    return {
      invalid: await invalid.evaluateAll((fields) => fields.map(({ name }) => name)),
      focus: await page.evaluate(() => document.activeElement.name),
    };
  },

  /** The message for a creation with another idempotency key. */
  async refused(context) {
    const page = await opened(context);
    const [email, idempotencyKey] = rest;
    await page.route("**/graphql", (route) => {
      if (!isCreation(route)) return route.fallback();
      const body = route.request().postDataJSON();
      return route.continue({ postData: { ...body, variables: { ...body.variables, idempotencyKey } } });
    });
    await field(page, "email").fill(email);
    await create(page).click();
    await alert(page).waitFor();
    return { alert: await alert(page).innerText(), email: await field(page, "email").inputValue() };
  },

  /** The message after repeats that end with the same error, and the keys of all requests. */
  async failed(context) {
    const page = await opened(context);
    const keys = [];
    page.on("request", (request) => {
      const key = request.postDataJSON()?.variables?.idempotencyKey;
      if (key) keys.push(key);
    });
    await field(page, "email").fill(rest[0]);
    await create(page).click();
    const again = page.getByRole("button", { name: "Send again" });
    await again.waitFor();
    const told = { alert: await alert(page).innerText(), hint: await page.locator(".sending .hint").innerText() };
    const sent = [...keys];
    await field(page, "name").fill("Grace Hopper");
    keys.length = 0;
    await create(page).click();
    await alert(page).waitFor();
    return { ...told, sent, changed: keys.slice(0, 1) };
  },
};

console.log(JSON.stringify(await inBrowser(server, { locale: "en-GB" }, stories[story])));
