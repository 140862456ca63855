// Chromium that reaches one server alone, and the faults that it reports.
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Requests that the routes below do not stop.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });

/** Starts Chromium for one use; see `inContext`. */
export async function inBrowser(origin, options, steps) {
  const browser = await launch();
  try {
    return await inContext(browser, origin, options, steps);
  } finally {
    await browser.close();
  }
}

/**
 * Lets `steps` use a browser without any stored data, and returns what they return, with `faults`:
 * errors in the console, broken rules of the Content-Security-Policy among them, and requests to
 * other origins.
 */
export async function inContext(browser, origin, options, steps) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  try {
    context.setDefaultTimeout(60_000);
    const faults = [];
    context.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    context.on("weberror", (error) => faults.push(String(error.error())));
    await context.route(
      (url) => url.origin !== origin,
      (route) => {
        faults.push(`A request to ${route.request().url()}`);
        return route.abort();
      },
    );
    try {
      return { ...(await steps(context)), faults };
    } catch (error) {
      throw new Error(`It failed, and in the browser: ${faults.join("; ")}`, { cause: error });
    }
  } finally {
    await context.close();
  }
}
