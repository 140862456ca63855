// Uses GraphiQL as a person does, and prints the result as JSON.
import { inBrowser } from "./browser.mjs";

const [story, origin, ...rest] = process.argv.slice(2);

/** Opens GraphiQL in a new page, and waits until it is usable. */
async function opened(context, search = "") {
  const page = await context.newPage();
  await page.goto(`${origin}/graphql${search}`);
  await page.locator(".graphiql-query-editor .view-line").first().waitFor();
  await settled(page);
  return page;
}

/** Waits until GraphiQL has read the typed text (100 ms later) and stored it (500 ms later). */
const settled = (page) =>
  page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 700)));

/** The whole text of an editor, of which the page shows only a part. */
const text = (page, name) =>
  page.evaluate((name) => globalThis.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith(name)).getValue(), name);

async function write(page, name, value) {
  await page.evaluate(([name, value]) => globalThis.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith(name)).setValue(value), [name, value]);
  await settled(page);
}

/** The answer to the operation in the open tab. */
async function play(page, operation) {
  await page.getByRole("button", { name: "Execute query" }).click();
  if (operation) await page.getByRole("menuitem", { name: operation }).click();
  await page.locator(".graphiql-response .view-line", { hasText: "{" }).first().waitFor();
  await settled(page);
  return JSON.parse(await text(page, "response.json"));
}

/** The answers that a subscription shows, the last one after a person has stopped it. */
async function hear(page) {
  const begun = page.waitForResponse((answer) =>
    answer.headers()["content-type"]?.startsWith("text/event-stream"));
  await page.getByRole("button", { name: "Execute query" }).click();
  await begun;
  await create("heard@example.com");
  await page.locator(".graphiql-response .view-line", { hasText: "heard" }).waitFor();
  const heard = JSON.parse(await text(page, "response.json"));
  await page.getByRole("button", { name: "Stop query" }).click();
  await page.getByRole("button", { name: "Execute query" }).waitFor();
  await create("unheard@example.com");
  await settled(page);
  return [heard, JSON.parse(await text(page, "response.json"))];
}

/** Creates a customer as another client. */
const create = (email) =>
  fetch(`${origin}/graphql`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      query: "mutation($email: String!) { createCustomer(input: {email: $email}) { __typename } }",
      variables: { email },
    }),
  });

async function openTab(page, title) {
  // One title is the beginning of another, and the name of the open tab has that of its button, too.
  const titles = await page.getByRole("tab").allInnerTexts();
  if (!titles.includes(title)) throw new Error(`No tab ${title} among ${titles}`);
  await page.getByRole("tab").nth(titles.indexOf(title)).click();
  await settled(page);
}

/** The title and the content of the open tab, and the titles of all tabs. */
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
    cut: [...document.querySelectorAll('.graphiql-session-header [role="tab"]')]
      .filter((tab) => {
        const { left, right } = tab.getBoundingClientRect();
        const strip = tab.closest(".graphiql-tabs").getBoundingClientRect();
        return left < strip.left || right > Math.min(strip.right, innerWidth);
      })
      .map((tab) => tab.innerText),
  }));

const stories = {
  /** Runs every tab, one after another. */
  async tabs(context) {
    const page = await opened(context);
    const titles = await page.getByRole("tab").allInnerTexts();
    const answers = {};
    for (const title of titles) {
      await openTab(page, title);
      const isHeard = title === "Events";
      answers[title] = isHeard ? await hear(page) : [await play(page), await play(page)];
    }
    return { titles, answers };
  },

  /** The open tab at each of three visits without any action. */
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

  /** Runs one tab without and then with a token, and then the other tabs. */
  async token(context) {
    const [token] = rest;
    const page = await opened(context);
    const refused = await play(page);
    await write(page, "request-headers.json", JSON.stringify({ Authorization: token }));
    const created = await play(page);
    await openTab(page, "Read");
    const read = await play(page);
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    const docs = await page.locator(".graphiql-doc-explorer").innerText();
    const stored = await page.evaluate(() => JSON.stringify(localStorage));
    return { refused, created, read, docs, stored };
  },

  /** Tokens that a person pastes and does not use, that the server rejects, and that are corrected. */
  async tokens(context) {
    const [wrong, right, other] = rest;
    const page = await opened(context);
    const paste = (token) =>
      write(page, "request-headers.json", JSON.stringify({ Authorization: token }));
    const holds = async (token) => (await text(page, "request-headers.json")).includes(token);
    const found = {};
    await paste(right);
    await openTab(page, "Read");
    found.unused = await holds(right);
    await page.getByRole("button", { name: "New tab" }).click();
    await settled(page);
    found.new = await holds(right);
    await write(page, "operation.graphql", "query Mine { __typename }");
    found.answer = await play(page);
    await paste(wrong);
    found.refused = await play(page);
    await openTab(page, "AllErrors");
    found.afterRefusal = await holds(right);
    await paste(other);
    await openTab(page, "Mine");
    found.mended = await holds(other);
    await openTab(page, "Read");
    found.filledInAgain = await holds(other);
    await openTab(page, "Create");
    found.ownKept = await holds(right);
    found.created = await play(page);
    return found;
  },

  /** The operation in the page's address: at the first visit, again, and with other tabs. */
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

  /** GraphiQL in a browser that stores nothing. */
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
    await openTab(page, "Read");
    const read = await play(page);
    await page.reload();
    await page.locator(".graphiql-query-editor .view-line").first().waitFor();
    return { created, read, again: await shown(page) };
  },

  /** The places of the panes and the tabs on a phone, without and with the documentation. */
  async phone(context) {
    const [path] = rest;
    const page = await opened(context);
    await openTab(page, "AllErrors");
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

  /** The page of a server without a build, in a browser that reaches this server alone. */
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

  /** Runs one tab, where the server shows no schema. */
  async undocumented(context) {
    const page = await opened(context);
    const created = await play(page);
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    const docs = await page.locator(".graphiql-doc-explorer").innerText();
    return { created, docs };
  },

  /** Creates a customer on one page, and another one on the next page. */
  async again(context) {
    const first = await opened(context);
    const created = [await play(first)];
    await openTab(first, "Replay");
    await write(first, "operation.graphql", "query Mine { __typename }");
    await write(first, "variables.json", "");
    await first.close();
    const second = await opened(context);
    const kept = await second.getByRole("tab").allInnerTexts();
    await openTab(second, "Create");
    created.push(await play(second));
    return { created, kept };
  },

  /** The colours of the page, with a picture of it. */
  async picture(context) {
    const [, path] = rest;
    const page = await opened(context);
    await openTab(page, "AllErrors");
    await play(page);
    await page.mouse.move(0, 0);
    await page.screenshot({ path });
    return look(page);
  },

  /** Breaks the policy in ways in which the page itself never does. */
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
