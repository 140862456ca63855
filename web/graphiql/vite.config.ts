import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const BUILD = "../../graphql_api/http/graphiql_build";
// Beside /graphql, so that the page finds it below any prefix that a proxy puts before both.
const ASSETS = "graphiql";

// Once here, so that the server need not compress at every request.
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
    // The page's policy takes no `data:` fonts.
    assetsInlineLimit: 0,
    // What is shipped in the wheel is shipped with its licences.
    license: { fileName: "LICENSES.md" },
  },
  worker: { format: "es" },
});
