// Does in GraphiQL what a person would do, and prints what came of it as JSON.
import { inBrowser } from "./browser.mjs";

const [story, origin, ...rest] = process.argv.slice(2);

/** GraphiQL in a new page, once it can be used. */
async function opened(context, search = "") {
  const page = await context.newPage();
  await page.goto(`${origin}/graphql${search}`);
  await page.locator(".graphiql-query-editor .view-line").first().waitFor();
  await settled(page);
  return page;
}

/** GraphiQL looks 100 ms later at what was written, and stores it after 500 ms. */
const settled = (page) =>
  page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 700)));

/** The whole text of an editor, of which the page shows only what fits. */
const text = (page, name) =>
  page.evaluate((name) => globalThis.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith(name)).getValue(), name);

async function write(page, name, value) {
  await page.evaluate(([name, value]) => globalThis.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith(name)).setValue(value), [name, value]);
  await settled(page);
}

/** The answer to the operation in the tab that is open. */
async function play(page, operation) {
  await page.getByRole("button", { name: "Execute query" }).click();
  if (operation) await page.getByRole("menuitem", { name: operation }).click();
  await page.locator(".graphiql-response .view-line", { hasText: "{" }).first().waitFor();
  await settled(page);
  return JSON.parse(await text(page, "response.json"));
}

async function openTab(page, title) {
  await page.getByRole("tab", { name: title }).click();
  await settled(page);
}

/** The title of the tab that is open, what stands in it, and the titles of all tabs. */
const shown = async (page) => ({
  title: await page.getByRole("tab", { selected: true }).innerText(),
  query: await text(page, "operation.graphql"),
  variables: await text(page, "variables.json"),
  titles: await page.getByRole("tab").allInnerTexts(),
});

const look = (page) =>
  page.evaluate(() => ({
    background: getComputedStyle(document.querySelector(".graphiql-container")).backgroundColor,
    editor: document.querySelector(".monaco-editor").className,
    fits: document.documentElement.scrollHeight === innerHeight,
  }));

const stories = {
  /** Every tab, one after another. */
  async tabs(context) {
    const page = await opened(context);
    const titles = await page.getByRole("tab").allInnerTexts();
    const answers = {};
    for (const title of titles) {
      await openTab(page, title);
      answers[title] = [await play(page), await play(page)];
    }
    return { titles, answers };
  },

  /** The tab that is open at each of three visits, at which nothing is done. */
  async visits(context) {
    const seen = [];
    for (let visit = 0; visit < 3; visit++) {
      const page = await opened(context);
      seen.push(await shown(page));
      await page.close();
    }
    return { visits: seen };
  },
  /** The panes beside the tabs. */
  async panes(context) {
    const page = await opened(context);
    await page.getByRole("button", { name: "Show GraphiQL Explorer" }).click();
    await page.locator(".graphiql-explorer-root").waitFor();
    const explorer = await page.locator(".graphiql-explorer-root").innerText();
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    const docs = await page.locator(".graphiql-doc-explorer").innerText();
    await page.getByRole("button", { name: "Headers" }).click();
    await page.locator(".graphiql-editor-tool .view-line", { hasText: "Bearer" }).waitFor();
    const headers = await text(page, "request-headers.json");
    return { explorer, docs, headers };
  },

  /** One tab without and then with a token, and then the other tabs. */
  async token(context) {
    const [token] = rest;
    const page = await opened(context);
    const refused = await play(page);
    await write(page, "request-headers.json", JSON.stringify({ Authorization: token }));
    const created = await play(page);
    await openTab(page, "ReadCustomer");
    const read = await play(page);
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    const docs = await page.locator(".graphiql-doc-explorer").innerText();
    const stored = await page.evaluate(() => JSON.stringify(localStorage));
    return { refused, created, read, docs, stored };
  },

  /** Tokens that are pasted without being used, refused, mended and kept. */
  async tokens(context) {
    const [wrong, right, other] = rest;
    const page = await opened(context);
    const paste = (token) =>
      write(page, "request-headers.json", JSON.stringify({ Authorization: token }));
    const holds = async (token) => (await text(page, "request-headers.json")).includes(token);
    const found = {};
    await paste(right);
    await openTab(page, "ReadCustomer");
    found.unused = await holds(right);
    await page.getByRole("button", { name: "New tab" }).click();
    await settled(page);
    found.new = await holds(right);
    await write(page, "operation.graphql", "query Mine { __typename }");
    found.answer = await play(page);
    await paste(wrong);
    found.refused = await play(page);
    await openTab(page, "EveryErrorAtOnce");
    found.afterRefusal = await holds(right);
    await paste(other);
    await openTab(page, "Mine");
    found.mended = await holds(other);
    await openTab(page, "ReadCustomer");
    found.filledInAgain = await holds(other);
    await openTab(page, "CreateCustomer");
    found.ownKept = await holds(right);
    found.created = await play(page);
    return found;
  },

  /** What the page's address names, at the first visit, again, and at one with other tabs. */
  async linked(context) {
    const [search, other] = rest;
    const first = await opened(context, search);
    const result = { first: await shown(first), answer: await play(first, "Linked") };
    await first.reload();
    await first.locator(".graphiql-query-editor .view-line").first().waitFor();
    await settled(first);
    result.again = await shown(first);
    await first.close();
    const second = await opened(context, other);
    return { ...result, other: await shown(second), otherAnswer: await play(second) };
  },

  /** GraphiQL where the browser lets nothing be kept. */
  async forgetful(context) {
    await context.addInitScript(() => {
      Object.defineProperty(globalThis, "localStorage", {
        get() {
          throw new DOMException("Access is denied for this document.", "SecurityError");
        },
      });
    });
    const page = await opened(context);
    const created = await play(page);
    await openTab(page, "ReadCustomer");
    const read = await play(page);
    await page.reload();
    await page.locator(".graphiql-query-editor .view-line").first().waitFor();
    return { created, read, again: await shown(page) };
  },

  /** What a phone shows: where the panes and the tabs are, before and with the documentation. */
  async phone(context) {
    const [path] = rest;
    const page = await opened(context);
    await openTab(page, "EveryErrorAtOnce");
    const answer = await play(page);
    await page.screenshot({ path });
    const boxes = (selector) =>
      page.locator(selector).evaluateAll((found) => found.map((element) => {
        const { left, top, right, bottom } = element.getBoundingClientRect();
        return { left, top, right, bottom };
      }));
    const panes = [".graphiql-query-editor", ".graphiql-editor-tool", ".graphiql-response"];
    const result = { answer, panes: (await Promise.all(panes.map(boxes))).flat() };
    result.tabs = await boxes('.graphiql-session-header [role="tab"]');
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    result.docs = await boxes(".graphiql-doc-explorer");
    await page.screenshot({ path: path.replace(".png", "-docs.png") });
    await page.getByRole("button", { name: "Hide Documentation Explorer" }).click();
    await settled(page);
    return { ...result, back: (await Promise.all(panes.map(boxes))).flat() };
  },

  /** The page that is there without a build, in a browser that reaches nothing but the server. */
  async cdn(context) {
    const [html, search] = rest;
    const page = await context.newPage();
    await page.route(/\/graphql/, (route) => route.fulfill({ path: html, contentType: "text/html" }));
    await page.goto(`${origin}/graphql`);
    const said = await page.locator("body").innerText();
    const example = await page.evaluate("parameters");
    await page.goto(`${origin}/graphql${search}`);
    return { said, example, linked: await page.evaluate("parameters") };
  },

  /** One tab, where there is no schema to be had. */
  async undocumented(context) {
    const page = await opened(context);
    const created = await play(page);
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    const docs = await page.locator(".graphiql-doc-explorer").innerText();
    return { created, docs };
  },

  /** A customer by a page, and another one by the page that is opened next. */
  async again(context) {
    const first = await opened(context);
    const created = [await play(first)];
    await openTab(first, "IdempotentReplay");
    await write(first, "operation.graphql", "query Mine { __typename }");
    await write(first, "variables.json", "");
    await first.close();
    const second = await opened(context);
    const kept = await second.getByRole("tab").allInnerTexts();
    await openTab(second, "CreateCustomer");
    created.push(await play(second));
    return { created, kept };
  },

  /** How it looks, with a picture of it. */
  async picture(context) {
    const [, path] = rest;
    const page = await opened(context);
    await openTab(page, "EveryErrorAtOnce");
    await play(page);
    await page.mouse.move(0, 0);
    await page.screenshot({ path });
    return look(page);
  },

  /** What the page never does. */
  async foul(context) {
    const page = await opened(context);
    await page.evaluate(async () => {
      const script = document.createElement("script");
      script.textContent = "1";
      document.head.append(script);
      await fetch("https://cdn.example/data").catch(() => {});
      new Worker(URL.createObjectURL(new Blob(["1"])));
    });
    await page.goto("https://cdn.example/script.js").catch(() => {});
    return {};
  },
};

const OPTIONS = {
  picture: { colorScheme: rest[0] },
  phone: { viewport: { width: 390, height: 844 } },
};
console.log(JSON.stringify(await inBrowser(origin, OPTIONS[story] ?? {}, stories[story])));
