import type { TypedDocumentString } from "./generated/graphql";

const TIMEOUT_MILLISECONDS = 15_000;

/** Sends an operation to the server. Throws an error with a message to show if there is no result. */
export async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const answer = await send(JSON.stringify({ query: document, variables }));
  const [error] = answer.errors ?? [];
  if (error !== undefined) throw new Error(error.message);
  return answer.data as Result;
}

interface Answer {
  data?: unknown;
  errors?: { message: string }[];
}

async function send(body: string): Promise<Answer> {
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    return (await response.json()) as Answer;
  } catch {
    throw new Error("The server cannot be reached.");
  }
}
