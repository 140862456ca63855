// Starts the dashboard's development server, asks it for the page and for data, and prints the answers.
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

process.env.DASHBOARD_SERVER = process.argv[2];
const root = fileURLToPath(new URL("../../web/dashboard/", import.meta.url));
const { createServer } = await import(pathToFileURL(createRequire(root).resolve("vite")));
const server = await createServer({ root, logLevel: "error", server: { port: 0 } });
await server.listen();
try {
  const origin = `http://127.0.0.1:${server.httpServer.address().port}`;
  const page = await fetch(origin, { headers: { Accept: "text/html" } });
  const data = await fetch(`${origin}/graphql`, {
    method: "POST",
    // As a browser does.
    headers: { "Content-Type": "application/json", Origin: origin },
    body: JSON.stringify({ query: "{ __typename }" }),
  });
  console.log(JSON.stringify({ page: await page.text(), data: await data.json() }));
} finally {
  await server.close();
}
