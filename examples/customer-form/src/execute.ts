import type { TypedDocumentString } from "./generated/graphql";

const PATIENCE_MILLISECONDS = 15_000;

/** What people are told where the server's own words are for programs. */
const REASONS: Partial<Record<string, string>> = {
  UNAVAILABLE: "The service is not available just now. Nothing was stored.",
  OUTCOME_UNKNOWN: "It is not known whether this was stored. Sent again, it is stored once.",
  TIMEOUT: "It is not known whether this was stored. Sent again, it is stored once.",
  RATE_LIMITED: "Too many requests were sent. Wait a moment.",
};

/** Sends an operation to the server. Where it gets no result, the error's message says why. */
export async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const answer = await send(JSON.stringify({ query: document, variables }));
  const [error] = answer.errors ?? [];
  if (error !== undefined) {
    throw new Error(REASONS[error.extensions?.code ?? ""] ?? error.message);
  }
  return answer.data as Result;
}

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string } }[];
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
