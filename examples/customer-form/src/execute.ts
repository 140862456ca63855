import type { TypedDocumentString } from "./generated/graphql";

const PATIENCE_MILLISECONDS = 15_000;

const UNKNOWN = "It is not known whether this was stored. Sent again, it is stored once.";

/** What people are told: the server's own words are for programs. */
const REASONS: Partial<Record<string, string>> = {
  UNAUTHENTICATED: "This form is not signed in at the server. Tell those who run it.",
  FORBIDDEN: "The server does not allow this form to do that. Tell those who run it.",
  INTERNAL_SERVER_ERROR: "The server failed. Wait a moment, or tell those who run it.",
  RATE_LIMITED: "Too many requests were sent. Wait a moment.",
  UNAVAILABLE: "The service is not available just now. Nothing was stored.",
  OVERLOADED: "The service is too busy just now. Nothing was stored.",
  OUTCOME_UNKNOWN: UNKNOWN,
  TIMEOUT: UNKNOWN,
  SHUTTING_DOWN: UNKNOWN,
};

/** What people are told of everything else; programs read the answer. */
export const UNEXPECTED = "This form and the server do not understand each other. Tell those who run them.";

/** Sends an operation to the server. Where it gets no result, the error's message says why. */
export async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const answer = await send(JSON.stringify({ query: document, variables }));
  const [error] = answer.errors ?? [];
  if (error !== undefined) {
    throw new Error(REASONS[error.extensions?.code ?? ""] ?? UNEXPECTED);
  }
  return answer.data as Result;
}

interface Answer {
  data?: unknown;
  errors?: { extensions?: { code?: string } }[];
}

async function send(body: string): Promise<Answer> {
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
      signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
    });
    return (await response.json()) as Answer;
  } catch {
    throw new Error("The server cannot be reached.");
  }
}
