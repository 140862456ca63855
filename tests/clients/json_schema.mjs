// Whether Ajv, the validator of most form builders, accepts each value of a file of JSON:
// {schema, values}. In its strict mode, it also rejects a schema that has a mistake.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { Ajv2020 } = createRequire(new URL("programs/", import.meta.url))("ajv/dist/2020");
const { schema, values } = JSON.parse(await readFile(process.argv[2], "utf8"));
const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
console.log(JSON.stringify(values.map((value) => isValid(value))));
