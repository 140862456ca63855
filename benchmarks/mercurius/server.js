// The same API, written as Mercurius' documentation shows: `node server.js PORT`.
import { readFileSync } from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";
import { MongoClient, UUID } from "mongodb";

// `benchmarks/rules.py` makes them from the declaration of the fields.
const RULES = JSON.parse(process.env.BENCHMARK_RULES).map((rule) => ({
  ...rule,
  pattern: new RegExp(rule.pattern, "u"),
}));

function* problems(rule, value) {
  const { minLength, maxLength, allowed, instruction, example } = rule;
  const at = { field: rule.enumName, path: ["input", rule.name] };
  if (value === undefined || value === "") {
    if (rule.required) {
      const message = `Enter ${allowed}.`;
      yield { __typename: "RequiredFieldError", ...at, message };
      return;
    }
    if (value === undefined) return;
  }
  const length = [...value].length;
  if (length < minLength) {
    const message = `Enter at least ${minLength} characters (${length} entered).`;
    yield { __typename: "TooShortError", ...at, message, minLength, actualLength: length };
    if (length === 0) return;
  }
  if (length > maxLength) {
    const message = `Enter at most ${maxLength} characters (${length} entered).`;
    yield { __typename: "TooLongError", ...at, message, maxLength, actualLength: length };
  }
  if (!rule.pattern.test(value)) {
    const message = `${instruction}, for example ${example}.`;
    yield { __typename: "InvalidFormatError", ...at, message, allowed, example };
  }
}

function normalised({ hasLines, isEmail }, value) {
  if (value === undefined || value === null) return undefined;
  const text = String(value).normalize("NFC").trim();
  const line = hasLines ? text : text.replace(/\s+/g, " ");
  return isEmail ? line.replace(/@.*$/, (domain) => domain.toLowerCase()) : line;
}

const shown = ({ _id, createdAt, updatedAt, ...values }) => ({
  ...values,
  id: _id.toString(),
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});

// A cursor is the time of creation in milliseconds, and the id.
const cursorOf = ({ createdAt, _id }) => `${createdAt.getTime()}_${_id}`;

function following(cursor) {
  const [time, id] = cursor.split("_");
  const createdAt = new Date(Number(time));
  return { $or: [{ createdAt: { $lt: createdAt } }, { createdAt, _id: { $lt: new UUID(id) } }] };
}

// Each word of a search is the beginning of a token.
const found = (search) =>
  search
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .match(/\S+/g)
    .map((word) => ({ search: { $regex: `^${word.replace(/[^\p{L}\p{N}]/gu, "\\$&")}` } }));

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
    // Only the default order, and no filter.
    customers: async (_parent, { first = 50, after, search }) => {
      const conditions = [...(after ? [following(after)] : []), ...(search ? found(search) : [])];
      const documents = await customers
        .find(conditions.length ? { $and: conditions } : {}, { projection: { search: 0 } })
        .sort({ createdAt: -1, _id: -1 })
        .limit(first + 1)
        .toArray();
      const page = documents.slice(0, first);
      const endCursor = page.length ? cursorOf(page.at(-1)) : null;
      return { nodes: page.map(shown), pageInfo: { hasNextPage: documents.length > first, endCursor } };
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
