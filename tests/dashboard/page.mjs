// The parts of the dashboard, as people see them, and what axe-core finds in it.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { resolve } = createRequire(new URL("../../web/dashboard/", import.meta.url));
const AXE = await readFile(resolve("axe-core/axe.min.js"), "utf8");

// Contrast is the most expensive rule. A dark page differs in its colours only, and a narrow one has
// those of a wide one.
const CONTRAST = "color-contrast";
const RULES = {
  light: {},
  dark: { runOnly: [CONTRAST] },
  phone: { rules: { [CONTRAST]: { enabled: false } } },
};

const LOOKS = {
  light: { colorScheme: "light", width: 1280, height: 800 },
  dark: { colorScheme: "dark", width: 1280, height: 800 },
  phone: { colorScheme: "light", width: 390, height: 844 },
};

export async function look(page, name) {
  const { colorScheme, ...size } = LOOKS[name];
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(size);
}

/** What is wrong with the page as it is now, in each look: nothing, if all is well. */
export async function audited(page) {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(AXE);
  const found = {};
  for (const name of Object.keys(LOOKS)) {
    await look(page, name);
    found[name] = await page.evaluate(async (rules) => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"], ...rules });
      return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
    }, RULES[name]);
    if (await isTooWide(page)) found[name].push("It is wider than the window.");
  }
  await look(page, "light");
  return found;
}

export const isTooWide = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth > innerWidth);

/** Opens the dashboard in a new page. */
export async function opened(context, search = "") {
  const page = await context.newPage();
  await page.goto(`/${search}`);
  return page;
}

/** Opens the dashboard in a new page that shows all news from then on. */
export async function openedLive(context, search = "") {
  const page = await context.newPage();
  // The page reads its list again when its subscription has begun.
  let lists = 0;
  const isLive = page.waitForEvent("requestfinished", (request) =>
    "orderBy" in variablesOf(request) && ++lists === 2);
  await page.goto(`/${search}`);
  await isLive;
  return page;
}

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const heading = (page, name) => page.getByRole("heading", { name, exact: true });
export const searchBox = (page) => page.getByRole("searchbox", { name: "Search customers" });
/** A field of the form, by its name in the API. */
export const field = (page, name) => page.locator(`#field-${name}`);

/** The names in the list, once it is loaded. */
export async function listed(page) {
  await page.locator('.customers[aria-busy="false"]').waitFor();
  return page.locator(".customers tbody a").allInnerTexts();
}

/** Writes a search, and returns the names in the list. */
export async function find(page, search) {
  await searchBox(page).fill(search);
  await page.waitForURL((url) => (url.searchParams.get("search") ?? "") === search);
  return listed(page);
}

/** Waits until the page says that it has done something. */
export const says = (page, message) =>
  page.getByRole("status").filter({ hasText: message }).first().waitFor();

export async function fill(page, values) {
  for (const [name, value] of Object.entries(values)) await field(page, name).fill(value);
}

/** The texts of the form, without those that are empty. */
export const texts = (page) =>
  page.$$eval("dialog [name]", (fields) =>
    Object.fromEntries(fields.filter(({ value }) => value).map(({ name, value }) => [name, value])));

/** The errors by the name of the field that shows them. */
export const errors = (page) =>
  page.$$eval('dialog [aria-invalid="true"]', (fields) =>
    Object.fromEntries(fields.map((field) => [
      field.name,
      document.getElementById(field.getAttribute("aria-describedby").split(" ")[0]).innerText,
    ])));

/** The text or the name of what has the focus. */
export const focused = (page) =>
  page.evaluate(() => {
    const { name, id, innerText } = document.activeElement;
    return name || innerText?.trim() || id;
  });

/** Presses Tab until the focus is there. */
export async function tabTo(page, goal) {
  for (let presses = 0; (await focused(page)) !== goal; presses++) {
    if (presses === 40) throw new Error(`Tab does not lead to ${goal}`);
    await page.keyboard.press("Tab");
  }
}

export const copied = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Whether the request has this variable; only creations have an idempotency key. */
export const has = (route, variable) => variable in variablesOf(route.request());

/** The variables of a request, if it is one to the API. */
export const variablesOf = (request) => request.postDataJSON()?.variables ?? {};
