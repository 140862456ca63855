// What is generated from the server's schema: types and requests, and the rules for the form.
import type { CodegenConfig } from "@graphql-codegen/cli";

const scalars = {
  ZipCode: { input: "string | number", output: "string" },
  PhoneNumber: { input: "string | number", output: "string" },
  DateTime: "string",
};

// The server normalises a text before it judges it. `trim` would leave U+0085. Without the look
// behind, each character of inner white space would be tried as the first of the end's.
const normalised =
  '.normalize().overwrite((text) => text.replace(/^\\p{White_Space}+|(?<!\\p{White_Space})\\p{White_Space}+$/gu, ""))';

// Lengths count code points, which `min` and `max` of zod do not. White space in a text may become
// one space yet, and only the server knows how long the domain of an address is in the end.
const minLength = "/^.{$1,}$/su";
const maxLength =
  "/^(?:\\p{White_Space}+(?!\\p{White_Space})|\\P{White_Space}){0,$1}$|^[^\\s@]+@\\S*(?:[xX][nN]--|[^\\s!-~])\\S*$/u";

const config: CodegenConfig = {
  schema: "../../schema.graphql",
  documents: "src/*.ts",
  config: { scalars, strictScalars: true, enumsAsTypes: true, useTypeImports: true, sort: false },
  generates: {
    "src/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: { documentMode: "string" },
    },
    "src/generated/rules.ts": {
      plugins: ["typescript-validation-schema"],
      config: {
        schema: "zodv4",
        importFrom: "./graphql",
        validationSchemaExportType: "const",
        withDescriptions: true,
        scalarSchemas: {
          // The only text that is required is the email address.
          String: `z.string("Enter an email address.")${normalised}`,
          ZipCode: `z.coerce.string<string | number>()${normalised}`,
          PhoneNumber: `z.coerce.string<string | number>()${normalised}`,
        },
        directives: {
          constraint: {
            minLength: ["regex", minLength, "Enter at least $1 characters."],
            maxLength: ["regex", maxLength, "Enter at most $1 characters."],
            pattern: ["regex", "/$1/u", "Use only what is described below."],
          },
        },
      },
    },
  },
};

export default config;
