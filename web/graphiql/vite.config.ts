import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const BUILD = "../../graphql_api/http/graphiql_build";
// Next to /graphql, so that the page finds its files when a proxy adds a prefix to both paths.
const ASSETS = "graphiql";

// Compresses at build time, so that the server need not compress at each request.
function compressed(): Plugin {
  return {
    name: "compressed",
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

export default defineConfig({
  base: "./",
  plugins: [compressed()],
  build: {
    outDir: BUILD,
    emptyOutDir: true,
    assetsDir: ASSETS,
    // The page's Content-Security-Policy forbids `data:` fonts.
    assetsInlineLimit: 0,
    // The wheel contains this code, so it needs the licences too.
    license: { fileName: "LICENSES.md" },
  },
  worker: { format: "es" },
});
