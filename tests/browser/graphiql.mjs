// Does in GraphiQL what a person would do, and prints what came of it as JSON.
import { inBrowser } from "./browser.mjs";

const [story, origin, ...rest] = process.argv.slice(2);

/** GraphiQL in a new page, once it can be used. */
async function opened(context) {
  const page = await context.newPage();
  await page.goto(`${origin}/graphql`);
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
async function play(page) {
  await page.getByRole("button", { name: "Execute query" }).click();
  await page.locator(".graphiql-response .view-line", { hasText: "{" }).first().waitFor();
  await settled(page);
  return JSON.parse(await text(page, "response.json"));
}

async function openTab(page, title) {
  await page.getByRole("tab", { name: title }).click();
  await settled(page);
}

const look = (page) =>
  page.evaluate(() => ({
    background: getComputedStyle(document.querySelector(".graphiql-container")).backgroundColor,
    editor: document.querySelector(".monaco-editor").className,
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

const options = story === "picture" ? { colorScheme: rest[0] } : {};
console.log(JSON.stringify(await inBrowser(origin, options, stories[story])));
