// What the page shows of changes that other people make.
import {
  audited, button, field, fill, focused, heading, listed, look, openedLive, says, searchBox,
  variablesOf,
} from "./page.mjs";

const news = (page, text) => page.locator(".news p").filter({ hasText: text }).waitFor();
const marks = (page, mark, count) =>
  page.waitForFunction(([mark, count]) => document.querySelectorAll(`tr .mark.${mark}`).length === count, [mark, count]);

/** Where the rows are, by the customers in them, and what has the focus. */
const places = (page) =>
  page.evaluate(() => ({
    focus: document.activeElement.id,
    rows: [...document.querySelectorAll(".customers tbody tr, .bar button, .bar select")].map((row) => {
      const { left, top, width, height } = row.getBoundingClientRect();
      return [row.querySelector("a")?.id ?? row.className, left, top, width, height];
    }).filter(([name]) => name !== "" ),
  }));

/** Another person, who uses the API, changes what this person sees. */
export async function changes(context, { given: { own, changed, folder }, ask }) {
  const page = await openedLive(context);
  const found = {};
  const before = await listed(page);
  await page.evaluate(() => {
    globalThis.spoken = [];
    new MutationObserver(() => globalThis.spoken.push(document.querySelector(".announcement").innerText))
      .observe(document.querySelector(".announcement"), { childList: true, characterData: true, subtree: true });
  });
  await page.locator(".customers tbody a").nth(5).focus();

  const still = {};
  for (const name of ["light", "phone"]) {
    await look(page, name);
    still[name] = { before: await places(page) };
  }
  await ask("change");
  await news(page, "3 new");
  await marks(page, "changed", 3);
  await marks(page, "deleted", 1);
  for (const name of ["light", "phone"]) {
    await look(page, name);
    still[name].after = await places(page);
  }
  found.news = await audited(page);
  for (const name of ["light", "dark", "phone"]) {
    await look(page, name);
    await page.screenshot({ path: `${folder}/dashboard-news-${name}.png` });
  }
  await look(page, "light");
  const row = await page.locator("tr.changed").first().innerText();
  const described = await page.locator("tr.changed a").first().getAttribute("aria-describedby");
  await page.waitForFunction(() => globalThis.spoken.at(-1)?.startsWith("3 new customers. 3 customers"));
  const spoken = await page.evaluate(() => globalThis.spoken.splice(0));

  // A customer that is deleted says so, and its row stays.
  await page.locator("tr.deleted a").click();
  await heading(page, "This customer does not exist").waitFor();
  await button(page, "Back to the list").click();

  await button(page, "Show").click();
  await page.locator(".news p").waitFor({ state: "detached" });
  const shown = await listed(page);
  const first = await focused(page);
  const left = await page.locator(".mark").count();

  // What this person does is no news.
  await page.keyboard.press("n");
  await fill(page, own);
  await page.keyboard.press("Control+Enter");
  await says(page, `Created ${own.name}.`);
  await button(page, "Edit").click();
  await fill(page, { city: "Basel" });
  await page.keyboard.press("Enter");
  await says(page, `Saved ${own.name}.`);

  // Another person changes the open customer: first while it is read, then while it is edited.
  await ask("edit");
  await page.getByText("Another person has changed this customer.").waitFor();
  const old = await page.locator("dl").first().innerText();
  found.changed = await audited(page);
  await page.screenshot({ path: `${folder}/dashboard-changed.png` });
  await button(page, "Show the new values").click();
  await page.locator("dialog dd", { hasText: changed[0] }).waitFor();
  await page.keyboard.press("e");
  await field(page, "city").fill("Bern");
  await ask("edit");
  await page.getByText("Another person has changed this customer.").waitFor();
  const typed = [await field(page, "city").inputValue(), await field(page, "description").inputValue(), await focused(page)];
  found.edited = await audited(page);
  await button(page, "Compare with your text").click();
  await heading(page, "Another person has changed this customer").waitFor();
  await button(page, "Edit them first").click();
  const merged = [await field(page, "city").inputValue(), await field(page, "description").inputValue()];
  await field(page, "description").press("Control+Enter");
  await says(page, `Saved ${own.name}.`);
  await ask("remove");
  await page.getByText("Another person has deleted this customer.").waitFor();
  found.deleted = await audited(page);
  await button(page, "Back to the list").click();
  const unannounced = await page.locator(".news p").count();

  // A search lists only some of the new customers. Then the server stops, and much happens.
  await searchBox(page).fill("ada");
  await page.waitForURL(/search=/);
  await listed(page);
  await page.evaluate(() => {
    globalThis.renders = 0;
    new MutationObserver(() => globalThis.renders++)
      .observe(document.querySelector(".news"), { childList: true, characterData: true, subtree: true });
    globalThis.spoken.length = 0;
  });
  await ask("restart");
  await news(page, "More than 1,000 new customers in all");
  const { renders, announcements } = await page.evaluate(() =>
    ({ renders: globalThis.renders, announcements: globalThis.spoken.length }));
  found.many = await audited(page);
  await button(page, "Reload").click();
  await page.locator(".news p").waitFor({ state: "detached" });
  return {
    found, before, still, row, described, spoken, shown, first, left, old, typed, merged, unannounced, renders,
    announcements,
  };
}

/** The answers of the server to subscriptions that cannot go on, and a tab that nobody sees. */
export async function subscriptions(context, { given: { missed, refused } }) {
  const page = await context.newPage();
  await page.clock.install();
  const cursors = [];
  const answers = [
    { contentType: "text/event-stream", body: missed },
    ...refused.map(([status, error]) => ({ status, json: { errors: [error] } })),
  ];
  await page.route("**/graphql", (route) => {
    const variables = variablesOf(route.request());
    if (Object.keys(variables).join() !== "after") return route.fallback();
    cursors.push(variables.after);
    return answers.length > 0 ? route.fulfill(answers.shift()) : route.fallback();
  });
  const subscribed = async (count) => {
    while (cursors.length < count) {
      await page.clock.runFor(500);
      await page.waitForTimeout(10);
    }
  };
  await page.goto("/");
  await subscribed(1);
  await news(page, "This list may be out of date.");
  const found = { missed: await audited(page) };
  await button(page, "Reload").click();
  await page.locator(".news p").waitFor({ state: "detached" });
  await subscribed(2 + refused.length);

  const hide = (isHidden) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
  await news(page, "This list may be out of date.");
  const ended = page.waitForEvent("requestfailed", (request) => "after" in variablesOf(request));
  await hide(true);
  await page.clock.runFor(16_000);
  await ended;
  const whileHidden = cursors.length;
  await page.clock.runFor(60_000);
  const isSilent = cursors.length === whileHidden;
  await hide(false);
  await subscribed(whileHidden + 1);
  return { found, cursors, isSilent };
}
