// Prints whether the generated rules of the dashboard accept each [field, value] of a JSON file.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../web/dashboard/", import.meta.url));
const { runnerImport } = await import(pathToFileURL(createRequire(root).resolve("vite")));
const options = { root, configFile: false, logLevel: "error" };
const { module } = await runnerImport("/src/generated/rules.ts", options);
const values = JSON.parse(await readFile(process.argv[2], "utf8"));
const { shape } = module.CreateCustomerInputSchema;
console.log(JSON.stringify(values.map(([field, value]) => shape[field].safeParse(value).success)));
