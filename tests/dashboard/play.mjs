// Plays stories in one Chromium: each line of the input names one, and the output has its result.
import { createInterface } from "node:readline";

import { inContext, launch } from "../clients/browser/browser.mjs";
import * as customer from "./customer.mjs";
import * as files from "./files.mjs";
import * as form from "./form.mjs";
import * as list from "./list.mjs";
import * as live from "./live.mjs";
import * as server from "./server.mjs";

const STORIES = { ...customer, ...files, ...form, ...list, ...live, ...server };
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Lets the test do something, such as stop the server, and waits until it has done so. */
async function ask(action) {
  tell({ asks: action });
  await lines.next();
}

const browser = await launch();
for (let line = await lines.next(); !line.done; line = await lines.next()) {
  const { story, origin, given } = JSON.parse(line.value);
  const options = {
    baseURL: origin,
    locale: "en-GB",
    timezoneId: "UTC",
    // Otherwise axe-core would see colours on the way to others.
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  };
  /** Lets another person use the page, in a browser of their own. */
  const other = (steps) => inContext(browser, origin, options, steps);
  try {
    tell({ told: await inContext(browser, origin, options, (context) => STORIES[story](context, { given, ask, other })) });
  } catch (error) {
    tell({ error: `${error.stack} ${error.cause?.stack ?? ""}` });
  }
}
await browser.close();
