// Generates the types, the requests and the form's rules from the server's schema.
import { readFileSync } from "node:fs";
import type { CodegenConfig } from "@graphql-codegen/cli";
import { Kind, parse, print } from "graphql";

const SCHEMA = "../../schema.graphql";

const scalars = {
  ZipCode: { input: "string | number", output: "string" },
  PhoneNumber: { input: "string | number", output: "string" },
  DateTime: "string",
};

// The server normalises a text before it checks it. `trim` would leave U+0085. The lookbehind keeps
// the time linear: a match at the end is tried only from the first character of a run.
const normalised =
  '.normalize().overwrite((text) => text.replace(/^\\p{White_Space}+|(?<!\\p{White_Space})\\p{White_Space}+$/gu, ""))';

// The server counts code points; `min` and `max` of zod count UTF-16 units. The maximum counts each
// run of white space once, because the server may replace it with one space. It does not apply to
// international domains, whose length only the server knows.
const minLength = "/^.{$1,}$/su";
const maxLength =
  "/^(?:\\p{White_Space}+(?!\\p{White_Space})|\\P{White_Space}){0,$1}$|^[^\\s@]+@\\S*(?:[xX][nN]--|[^\\s!-~])\\S*$/u";

// The form needs the rules of one input only. Of inputs inside inputs, such as `CustomerFilter`, the
// plugin makes rules that TypeScript rejects.
const document = parse(readFileSync(SCHEMA, "utf-8"));
const definitions = document.definitions.filter(
  (definition) =>
    definition.kind === Kind.DIRECTIVE_DEFINITION ||
    definition.kind === Kind.SCALAR_TYPE_DEFINITION ||
    (definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION &&
      definition.name.value === "CreateCustomerInput"),
);
const createCustomerInput = print({ ...document, definitions });

const config: CodegenConfig = {
  config: { scalars, strictScalars: true, enumsAsTypes: true, useTypeImports: true, sort: false },
  generates: {
    "src/generated/": {
      schema: SCHEMA,
      documents: "src/**/*.ts",
      preset: "client",
      presetConfig: {
        fragmentMasking: false,
        // The ids and the texts of all requests. The server trusts them: see vite.config.ts.
        persistedDocuments: { mode: "embedHashInDocument", hashAlgorithm: "sha256" },
      },
      config: { documentMode: "string" },
    },
    "src/generated/rules.ts": {
      schema: createCustomerInput,
      plugins: ["typescript-validation-schema"],
      config: {
        schema: "zodv4",
        importFrom: "./graphql",
        validationSchemaExportType: "const",
        withDescriptions: true,
        scalarSchemas: {
          // The email address is the only required text.
          String: `z.string("Enter an email address.")${normalised}`,
          ZipCode: `z.coerce.string<string | number>()${normalised}`,
          PhoneNumber: `z.coerce.string<string | number>()${normalised}`,
        },
        directives: {
          constraint: {
            minLength: ["regex", minLength, "Enter at least $1 characters."],
            maxLength: ["regex", maxLength, "Enter at most $1 characters."],
            pattern: ["regex", "/$1/u", "Enter a valid value, as described below."],
          },
        },
      },
    },
  },
};

export default config;
