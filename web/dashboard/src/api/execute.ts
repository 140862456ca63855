import { GRAPHQL } from "../server";
import { currentToken } from "../session/session";
import type { TypedDocumentString } from "../generated/graphql";
import { Failure, failureOf, noAnswer, type GraphQLError } from "./failure";

const TIMEOUT_MILLISECONDS = 15_000;

export interface Answer<Result> {
  data?: Result | null;
  errors?: GraphQLError[];
}

interface Options {
  signal?: AbortSignal;
  /** A token in place of the one of the session. */
  token?: string;
}

/** Sends an operation to the server. Throws a `Failure` if the answer has any error. */
export async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  options: Options = {},
): Promise<Result> {
  const { data, errors } = await ask(document, variables, options);
  const [error] = errors ?? [];
  if (error) throw failureOf(error);
  return data as Result;
}

/** Sends an operation to the server. The answer can have both data and errors. */
export async function ask<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  options: Options = {},
): Promise<Answer<Result>> {
  const id = document.__meta__?.["hash"] as string;
  const answer = await send<Result>({ documentId: id, variables }, options);
  // A server with another build of this page does not know the id.
  if (answer.errors?.[0]?.extensions?.code !== "DOCUMENT_NOT_FOUND") return answer;
  return send<Result>({ query: document.toString(), variables }, options);
}

async function send<Result>(body: object, { signal, token }: Options): Promise<Answer<Result>> {
  const bearer = token ?? currentToken();
  const timeout = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  try {
    const response = await fetch(GRAPHQL, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const answer = (await response.json()) as Answer<Result>;
    if (!answer.data && !answer.errors) throw noAnswer();
    return answer;
  } catch (error) {
    // An aborted request has no failure to show. A proxy's page in place of an answer is not JSON.
    if (signal?.aborted || error instanceof Failure) throw error;
    throw noAnswer();
  }
}
