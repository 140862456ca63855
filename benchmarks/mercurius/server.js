// The same API as Mercurius' documentation would have it written: `node server.js PORT`.
import { readFileSync } from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";
import { MongoClient, UUID } from "mongodb";

const ALPHABETIC = {
  pattern: /^(?:\p{L}\p{M}*)+$/u,
  allowed: "letters",
  instruction: "Use only letters",
};
const WORDS = {
  pattern: /^(?:\p{L}\p{M}*|\s)+$/u,
  allowed: "letters and spaces",
  instruction: "Use only letters and spaces",
};
const ALPHANUMERIC = {
  pattern: /^(?:\p{L}\p{M}*|\p{Nd}|\s)+$/u,
  allowed: "letters, digits and spaces",
  instruction: "Use only letters, digits and spaces",
};
const PRINTABLE = {
  pattern: /^(?:[^\p{Cc}\p{Cn}\p{Co}\p{Cs}]|[\t\n\r])+$/u,
  allowed: "printable text, line breaks and tabs, with something visible",
  instruction: "Use only printable text, line breaks and tabs, with something visible",
};
const EMAIL = {
  pattern: /^[\w.!#$%&'*+/=?^`{|}~-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+$/u,
  allowed: "an email address",
  instruction: "Enter a valid email address",
};
const ZIP_CODE = {
  pattern: /^[0-9]+(?:-[0-9]+)*$/,
  allowed: "groups of the digits 0 to 9, joined by single hyphens",
  instruction: "Use digits, with single hyphens between groups",
};
const PHONE_NUMBER = {
  pattern: /^[0-9]+$/,
  allowed: "the digits 0 to 9",
  instruction: "Use only the digits 0 to 9",
};

const RULES = [
  { name: "name", format: WORDS, min: 3, max: 50, example: "John Smith" },
  { name: "email", format: EMAIL, max: 40, example: "john.smith@example.com", required: true },
  { name: "description", format: PRINTABLE, min: 5, max: 50, example: "A1 Company" },
  { name: "sendEmailAddress", format: EMAIL, min: 5, max: 40, example: "invoices@example.com" },
  { name: "ccEmailAddress", format: EMAIL, min: 5, max: 40, example: "copies@example.com" },
  { name: "country", format: ALPHABETIC, min: 2, max: 50, example: "US" },
  { name: "addressLine1", format: ALPHANUMERIC, min: 5, max: 50, example: "103 Mason Street" },
  { name: "addressLine2", format: ALPHANUMERIC, min: 5, max: 50, example: "2nd Floor" },
  { name: "city", format: WORDS, min: 2, max: 50, example: "New York" },
  { name: "state", format: WORDS, min: 2, max: 50, example: "NY" },
  { name: "zipCode", format: ZIP_CODE, max: 10, example: "10469-2345" },
  { name: "phoneNumber", format: PHONE_NUMBER, min: 2, max: 11, example: "5417543010" },
].map((rule) => ({ ...rule, enumName: rule.name.replace(/[A-Z]/g, "_$&").toUpperCase() }));

function* problems(rule, value) {
  const { name, format, min, max, example } = rule;
  const at = { field: rule.enumName, path: ["input", name] };
  if (value === undefined || value === "") {
    if (rule.required) {
      const message = `Enter ${format.allowed}.`;
      yield { __typename: "RequiredFieldError", ...at, message };
      return;
    }
    if (value === undefined) return;
  }
  const length = [...value].length;
  if (length < min) {
    const message = `Enter at least ${min} characters (${length} entered).`;
    yield { __typename: "TooShortError", ...at, message, minLength: min, actualLength: length };
    if (length === 0) return;
  }
  if (length > max) {
    const message = `Enter at most ${max} characters (${length} entered).`;
    yield { __typename: "TooLongError", ...at, message, maxLength: max, actualLength: length };
  }
  if (!format.pattern.test(value)) {
    const { allowed, instruction } = format;
    const message = `${instruction}, for example ${example}.`;
    yield { __typename: "InvalidFormatError", ...at, message, allowed, example };
  }
}

function normalised({ name, format }, value) {
  if (value === undefined || value === null) return undefined;
  const text = String(value).normalize("NFC").trim();
  const line = name === "description" ? text : text.replace(/\s+/g, " ");
  return format === EMAIL ? line.replace(/@.*$/, (domain) => domain.toLowerCase()) : line;
}

const shown = ({ _id, createdAt, updatedAt, ...values }) => ({
  ...values,
  id: _id.toString(),
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});

const client = new MongoClient(process.env.BENCHMARK_MONGODB_URI, {
  ignoreUndefined: true,
  writeConcern: { w: "majority", journal: true },
});
const customers = client.db().collection("customers");

const resolvers = {
  Query: {
    customer: async (_parent, { id }) => {
      const document = await customers.findOne({ _id: new UUID(id) });
      return document && shown(document);
    },
  },
  Mutation: {
    createCustomer: async (_parent, { input }) => {
      const values = {};
      const errors = [];
      for (const rule of RULES) {
        values[rule.name] = normalised(rule, input[rule.name]);
        errors.push(...problems(rule, values[rule.name]));
      }
      if (errors.length) return { __typename: "CreateCustomerFailure", errors };
      const now = new Date();
      const emailCaseFolded = values.email.toLowerCase();
      const document = { _id: new UUID(), ...values, emailCaseFolded, createdAt: now, updatedAt: now };
      try {
        await customers.insertOne(document);
      } catch (error) {
        if (error.code !== 11000) throw error;
        const message = "A customer with this email address already exists. Use a different one.";
        const taken = { __typename: "EmailTakenError", field: "EMAIL", path: ["input", "email"], message };
        return { __typename: "CreateCustomerFailure", errors: [taken] };
      }
      return { __typename: "CreateCustomerSuccess", replayed: false, customer: shown(document) };
    },
  },
};

const app = Fastify();
const schema = readFileSync(new URL("../../schema.graphql", import.meta.url), "utf-8");
app.register(mercurius, { schema, resolvers, jit: 1 });
await app.listen({ port: Number(process.argv[2]) });
