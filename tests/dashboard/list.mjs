// The list: its pages, its order, its filters, its search, and its pictures.
import {
  audited, button, copied, field, find, focused, has, heading, isTooWide, listed, look, opened, says,
  searchBox,
} from "./page.mjs";

/** The state of the list until it is loaded, and whether it moves then. */
export async function loading(context) {
  const page = await context.newPage();
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route("**/graphql", async (route) => {
    await released;
    await route.continue();
  });
  await page.goto("/");
  await page.locator(".customers .skeleton").first().waitFor();
  const places = () =>
    page.$$eval(".bar, thead, thead th, tbody tr:first-child", (parts) =>
      parts.map((part) => {
        const { left, top, width, height } = part.getBoundingClientRect();
        return [left, top, width, height].map(Math.round);
      }));
  const animations = () => page.evaluate(() => document.getAnimations().length);
  const found = { loading: await audited(page) };
  const still = await animations();
  await page.emulateMedia({ reducedMotion: "no-preference" });
  const moving = await animations();
  await page.emulateMedia({ reducedMotion: "reduce" });
  const before = await places();
  release();
  await listed(page);
  return { found, still, moving, before, after: await places() };
}

/** The views of a list with several pages, each of which has its address. */
export async function views(context, { given: { city, word, more, rightToLeft, uncounted }, other }) {
  const page = await opened(context);
  const found = {};
  const first = await listed(page);
  const count = [];
  const readCount = async () => {
    await page.locator(".count", { hasText: "customers" }).waitFor();
    count.push(await page.locator(".count").innerText());
  };
  await readCount();
  found.list = await audited(page);
  await button(page, "Next").click();
  const second = await listed(page);
  await readCount();
  await button(page, "Next").click();
  const third = await listed(page);
  await readCount();
  await page.goBack();
  const back = await listed(page);
  await readCount();
  await button(page, "Previous").click();
  const previous = await listed(page);
  await readCount();

  await page.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  const byName = await listed(page);
  const sorted = await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort");
  await button(page, "Filters").click();
  await page.getByLabel("Created from").fill("2026-02-02");
  await page.getByLabel("Created before").fill("2026-02-01");
  const asked = page.url();
  await button(page, "Apply").click();
  await page.getByText("Choose a date that is not before “Created from”.", { exact: true }).waitFor();
  const reversed = { focus: await focused(page), isAsked: page.url() !== asked };
  found.filters = await audited(page);
  await button(page, "Clear filters").click();
  await page.getByLabel("Has a value in").selectOption("City");
  await page.getByLabel("Has no value in").selectOption("Country");
  await button(page, "Apply").click();
  const withCity = await listed(page);
  await page.getByLabel("Remove the filter Has City").click();
  await button(page, "Clear filters").click();
  await page.getByLabel("City").fill(city);
  await button(page, "Apply").click();
  const filtered = await listed(page);
  const link = page.url();
  const seen = async (page) => ({
    rows: await listed(page),
    chips: await page.locator(".chips li").allInnerTexts(),
    order: await page.getByLabel("Order").inputValue(),
    count: await page.locator(".count:not(:empty)").innerText(),
  });
  await page.locator(".count", { hasText: "found" }).waitFor();
  const here = await seen(page);
  const { there, ...elsewhere } = await other(async (context) => {
    const page = await context.newPage();
    await page.goto(link);
    return { there: await seen(page) };
  });
  found.filtered = await audited(page);
  await button(page, `Remove the filter City: ${city}`).click();
  const unfiltered = await listed(page);

  // The answer to the first search is held back.
  const aborted = [];
  page.on("requestfailed", (request) => aborted.push(request.postDataJSON().variables.search));
  await page.route("**/graphql", (route) =>
    route.request().postDataJSON().variables.search === word ? undefined : route.fallback());
  await searchBox(page).fill(word);
  await page.waitForURL(/search=/);
  const searched = await find(page, more);
  await page.unrouteAll();

  // The number of customers is that of another list, until the server has counted again.
  await page.route("**/graphql", (route) =>
    has(route, "orderBy") ? route.fallback() : route.fulfill({ json: uncounted }));
  await find(page, word);
  await page.locator(".count").filter({ hasText: /^1–50$/ }).waitFor();
  await page.unrouteAll();
  await find(page, more);

  await searchBox(page).press("ArrowDown");
  await page.keyboard.press("c");
  await says(page, "Copied the email address.");
  const email = await copied(page);
  await page.keyboard.press("i");
  await says(page, "Copied the id.");
  const id = await copied(page);

  const turned = await find(page, rightToLeft);
  const isRightToLeft = await page.locator(".customers tbody a bdi").evaluate((name) => name.matches(":dir(rtl)"));
  found.rightToLeft = await audited(page);
  await searchBox(page).fill("nobody");
  await heading(page, "No customer matches").waitFor();
  found.noMatch = await audited(page);
  await button(page, "Clear search and filters").click();
  const cleared = await listed(page);

  await page.keyboard.press("Escape");
  await page.locator(".customers tbody a").nth(0).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  const row = await focused(page);
  await page.keyboard.press("Enter");
  await button(page, "Edit").waitFor();
  const address = page.url();
  await page.keyboard.press("Escape");
  await button(page, "Edit").waitFor({ state: "detached" });
  const afterwards = await focused(page);
  await page.goBack();
  await button(page, "Edit").waitFor();

  // 200 % zoom of a window that is 1280 pixels wide.
  await page.setViewportSize({ width: 640, height: 400 });
  const tooWide = [await isTooWide(page)];
  await button(page, "Edit").click();
  await field(page, "name").waitFor();
  tooWide.push(await isTooWide(page));
  await page.goto("/");
  await listed(page);
  tooWide.push(await isTooWide(page));
  await page.goto("/?customer=nope");
  await heading(page, "This customer does not exist").waitFor();
  const missing = await page.getByRole("alert").innerText();
  return {
    found, reversed, first, count, second, third, back, previous, byName, sorted, filtered, here, there,
    elsewhere, withCity, missing, unfiltered, aborted, searched, email, id, turned, isRightToLeft, cleared, row,
    address, afterwards, tooWide,
  };
}

/** Pictures of the list in each look, and how long the page took to show it. */
export async function pictures(context, { given: { folder } }) {
  // When the first customer is painted, in milliseconds since the page was asked for.
  await context.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector(".customers tbody a")) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => (globalThis.painted = performance.now())));
    }).observe(document, { childList: true, subtree: true });
  });
  const page = await opened(context);
  const names = await listed(page);
  await page.waitForFunction(() => globalThis.painted);
  const milliseconds = await page.evaluate(() => Math.round(globalThis.painted));
  for (const name of ["light", "dark", "phone"]) {
    await look(page, name);
    await page.screenshot({ path: `${folder}/dashboard-${name}.png` });
  }
  return { names, milliseconds };
}
