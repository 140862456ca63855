// Runs a program of the manual in a page of Chromium, with the modules that npm installed.
import { join } from "node:path";

import { inBrowser } from "./browser.mjs";

const MODULES = join(import.meta.dirname, "../programs/node_modules");
const IMPORTS = {
  "@0no-co/graphql.web": "/modules/@0no-co/graphql.web/dist/graphql.web.mjs",
  "@urql/core": "/modules/@urql/core/dist/urql-core.mjs",
  "graphql-sse": "/modules/graphql-sse/lib/client.mjs",
  wonka: "/modules/wonka/dist/wonka.mjs",
};

/** Calls `print` with each line that the program prints, until it returns true. */
export const runInPage = (origin, program, print) =>
  inBrowser(origin, {}, async (context) => {
    const page = await context.newPage();
    // A bundler would set the variable and find the modules.
    const html = `<script>globalThis.process = { env: { NODE_ENV: "production" } }</script>
      <script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
      <script type="module">${program}</script>`;
    await page.route("**/page.html", (route) =>
      route.fulfill({ body: html, contentType: "text/html" }));
    await page.route("**/modules/**", (route) => {
      const path = join(MODULES, new URL(route.request().url()).pathname.replace("/modules", ""));
      return route.fulfill({ path, contentType: "text/javascript" });
    });
    const printed = new Promise((resolve, reject) => {
      page.on("pageerror", reject);
      page.on("console", (message) => {
        if (message.type() === "log" && print(message.text())) resolve();
      });
    });
    await page.goto(`${origin}/page.html`);
    await printed;
    return {};
  });
