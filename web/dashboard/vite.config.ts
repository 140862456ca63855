import { copyFileSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const BUILD = "../../graphql_api/http/dashboard_build";
// Relative to the page, so that it finds its files when a proxy adds a prefix.
const ASSETS = "dashboard";

// Compresses at build time, so that the server need not compress at each request.
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      const folder = join(import.meta.dirname, BUILD, ASSETS);
      for (const name of readdirSync(folder)) {
        const content = readFileSync(join(folder, name));
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}

// Writes the texts of all requests of the page by their ids, so that the server can trust them.
function documents(): Plugin {
  return {
    name: "documents",
    apply: "build",
    closeBundle() {
      copyFileSync(
        join(import.meta.dirname, "src/generated/persisted-documents.json"),
        join(import.meta.dirname, BUILD, "documents.json"),
      );
    },
  };
}

// The server rejects other host names and other origins, so the proxy sends requests as its own.
const server = {
  target: process.env["DASHBOARD_SERVER"] ?? "http://127.0.0.1:8000",
  changeOrigin: true,
};
const proxy = { "/graphql": server, "/customers/": server };

export default defineConfig({
  base: "./",
  plugins: [compressed(), documents()],
  server: { host: "127.0.0.1", proxy },
  build: {
    outDir: BUILD,
    emptyOutDir: true,
    assetsDir: ASSETS,
    assetsInlineLimit: 0,
    // The wheel contains this code, so it needs the licences too.
    license: { fileName: "LICENSES.md" },
  },
});
