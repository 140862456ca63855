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
  const [byId, byText] = bodiesOf(document, variables);
  const answer = await send<Result>(byId, options);
  return isUnknown(answer) ? send<Result>(byText, options) : answer;
}

/** The body of a request with the id of the document, and one with its text. */
export function bodiesOf<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): [object, object] {
  const documentId = document.__meta__?.["hash"] as string;
  return [{ documentId, variables }, { query: document.toString(), variables }];
}

/** Whether the server does not know the id of the document: its build of this page is another one. */
export function isUnknown({ errors }: Answer<unknown>): boolean {
  return errors?.[0]?.extensions?.code === "DOCUMENT_NOT_FOUND";
}

async function send<Result>(body: object, { signal, token }: Options): Promise<Answer<Result>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  try {
    const response = await post(body, {
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(token && { token }),
    });
    return await answerIn<Result>(response);
  } catch (error) {
    // An aborted request has no failure to show.
    if (signal?.aborted || error instanceof Failure) throw error;
    throw noAnswer();
  }
}

/** Sends a body to the server. Throws the errors of `fetch`. */
export function post(
  body: object,
  { signal, token = currentToken(), accept }: Options & { signal: AbortSignal; accept?: string },
): Promise<Response> {
  return fetch(GRAPHQL, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(accept && { Accept: accept }),
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal,
  });
}

/** The answer in a response. Throws a `SyntaxError` if it has the page of a proxy, for example. */
export async function answerIn<Result>(response: Response): Promise<Answer<Result>> {
  const answer = (await response.json()) as Answer<Result>;
  if (!answer.data && !answer.errors) throw noAnswer();
  return answer;
}
