// Subscriptions: the response pane shows one answer after another until a person presses stop.

import type { FetcherOpts, FetcherParams, Observable } from "@graphiql/toolkit";
import { type ExecutionResult, getOperationAST } from "graphql";
import { createClient, NetworkError, type RequestParams } from "graphql-sse";

const LOST = "The connection to the server is lost. Press play to connect again.";

export function isSubscription(parameters: FetcherParams, options?: FetcherOpts): boolean {
  if (!options?.documentAST) return false;
  const operation = getOperationAST(options.documentAST, parameters.operationName);
  return operation?.operation === "subscription";
}

/** The answers over server-sent events. `notice` is called with each of them. */
export function answers(
  parameters: FetcherParams,
  headers: Record<string, string>,
  notice: (answer: any) => void,
): Observable<ExecutionResult> {
  const client = createClient({ url: location.pathname, headers, retryAttempts: 0 });
  const subscribe = (pane: any) => {
    const next = (answer: unknown) => {
      notice(answer);
      pane.next(answer);
    };
    const complete = () => pane.complete();
    const error = async (reason: unknown) => {
      next(await rejection(reason));
      complete();
    };
    const unsubscribe = client.subscribe(parameters as RequestParams, { next, error, complete });
    return { unsubscribe };
  };
  return { subscribe };
}

/** The answer with which the server rejects a request or, if it has sent none, one like it. */
async function rejection(reason: unknown): Promise<unknown> {
  if (reason instanceof NetworkError && reason.response instanceof Response) {
    try {
      return await reason.response.json();
    } catch {
      // A proxy has answered.
    }
  }
  return { errors: [{ message: LOST }] };
}
