// Copies the token of one tab and the id of the customer it created into the other tabs.

import { type MonacoEditor, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { useEffect } from "react";

import { server } from "./server";
import { answers, isSubscription } from "./subscription";

/** The text under Headers until a user writes there. */
export const NO_TOKEN = `{
  // If the server requires a token:
  // "Authorization": "Bearer ..."
}`;

let lastId: string | undefined;
/** The text under Headers that contained a token last. */
let lastHeaders: string | undefined;
/** The headers with the token that the server accepted last. */
let acceptedHeaders: string | undefined;
const rejectedTokens = new Set<string>();
/** The text that was filled in under Headers, by the id of the tab. */
const filledIn = new Map<string, string>();
let shownTab: string | undefined;

// The page's own address, which includes the prefix of a proxy.
const send = createGraphiQLFetcher({ url: location.pathname, enableIncrementalDelivery: false });

export const fetcher: Fetcher = async (parameters, options) => {
  const token = new Headers(options?.headers).get("Authorization");
  const notice = (answer: any) => {
    const rejected = answer.errors?.[0]?.extensions?.code === "UNAUTHENTICATED";
    if (token && rejected) rejectedTokens.add(token);
    if (token && answer.data) acceptedHeaders = JSON.stringify({ Authorization: token }, null, 2);
    lastId = answer.data?.createCustomer?.customer?.id ?? lastId;
  };
  if (isSubscription(parameters, options)) {
    return answers(parameters, options?.headers ?? {}, notice);
  }
  const answer: any = await send(parameters, options);
  notice(answer);
  return answer;
};

/** Renders nothing. Fills in the id and the token when a user opens a tab that lacks them. */
export function CarryOver() {
  const { introspect } = useGraphiQLActions();
  const { activeTabIndex, headerEditor, isFetching, schema, tabs, variableEditor } = useGraphiQL(
    (state) => state,
  );

  // `tabs` changes at each edit.
  useEffect(() => {
    if (!headerEditor || !variableEditor) return;
    const { id } = tabs[activeTabIndex]!;
    if (id !== shownTab) {
      shownTab = id;
      fillIn(variableEditor, server.createdLast, lastId);
      fillInHeaders(headerEditor, id);
    }
    const headers = headerEditor.getValue();
    if (tokenIn(headers)) lastHeaders = headers;
  }, [activeTabIndex, headerEditor, tabs, variableEditor]);

  useEffect(() => {
    // When the page was opened, there was no token to load the schema with.
    if (!isFetching && !schema && acceptedHeaders) void introspect();
  }, [isFetching]);

  return null;
}

/** Fills in the token. A token that a user wrote in this tab stays unless the server rejected it. */
function fillInHeaders(editor: MonacoEditor, tab: string) {
  const headers = editor.getValue();
  const isOutdated = headers === filledIn.get(tab) || isRejected(headers);
  const value = isRejected(lastHeaders) ? acceptedHeaders : lastHeaders;
  fillIn(editor, isOutdated ? headers : NO_TOKEN, value);
  if (editor.getValue() !== headers) filledIn.set(tab, editor.getValue());
}

function isRejected(headers = ""): boolean {
  return rejectedTokens.has(tokenIn(headers) ?? "");
}

/** The value of the header `Authorization` outside comments. */
function tokenIn(headers: string): string | undefined {
  const uncommented = headers.replace(/^\s*\/\/.*$/gm, "");
  return /"authorization"\s*:\s*"([^"]+)"/i.exec(uncommented)?.[1];
}

function fillIn(editor: MonacoEditor, placeholder: string, value: string | undefined) {
  const text = editor.getValue();
  if (value && text.includes(placeholder)) editor.setValue(text.replace(placeholder, () => value));
}
