// What one tab leaves for the other ones: its token, and the id of the customer it created.

import { type MonacoEditor, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { useEffect } from "react";

import { server } from "./server";

/** What stands under Headers until something else does. */
export const NO_TOKEN = `{
  // Where the server wants a token:
  // "Authorization": "Bearer ..."
}`;

let lastId: string | undefined;
/** What stood under Headers when there was a token last. */
let lastHeaders: string | undefined;
/** The same with the token that the server took last. */
let goodHeaders: string | undefined;
const refusedTokens = new Set<string>();
/** What was filled in under Headers, by the id of the tab. */
const filledIn = new Map<string, string>();
let shownTab: string | undefined;

// The page's own address, whatever prefix a proxy puts before it.
const send = createGraphiQLFetcher({ url: location.pathname, enableIncrementalDelivery: false });

export const fetcher: Fetcher = async (parameters, options) => {
  const answer: any = await send(parameters, options);
  const token = new Headers(options?.headers).get("Authorization");
  const refused = answer.errors?.[0]?.extensions?.code === "UNAUTHENTICATED";
  if (token && refused) refusedTokens.add(token);
  if (token && answer.data) goodHeaders = JSON.stringify({ Authorization: token }, null, 2);
  lastId = answer.data?.createCustomer?.customer?.id ?? lastId;
  return answer;
};

/** Shows nothing; fills in what a tab lacks when one comes to it. */
export function CarryOver() {
  const { introspect } = useGraphiQLActions();
  const { activeTabIndex, headerEditor, isFetching, schema, tabs, variableEditor } = useGraphiQL(
    (state) => state,
  );

  // `tabs` is new after each edit.
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
    // There was no token to get the schema with when the page was opened.
    if (!isFetching && !schema && goodHeaders) void introspect();
  }, [isFetching]);

  return null;
}

/** Leaves a token that was written in this very tab, unless the server has refused it. */
function fillInHeaders(editor: MonacoEditor, tab: string) {
  const headers = editor.getValue();
  const isOutdated = headers === filledIn.get(tab) || isRefused(headers);
  const value = isRefused(lastHeaders) ? goodHeaders : lastHeaders;
  fillIn(editor, isOutdated ? headers : NO_TOKEN, value);
  if (editor.getValue() !== headers) filledIn.set(tab, editor.getValue());
}

function isRefused(headers = ""): boolean {
  return refusedTokens.has(tokenIn(headers) ?? "");
}

/** The value of the header `Authorization`, if it is not in a comment. */
function tokenIn(headers: string): string | undefined {
  const uncommented = headers.replace(/^\s*\/\/.*$/gm, "");
  return /"authorization"\s*:\s*"([^"]+)"/i.exec(uncommented)?.[1];
}

function fillIn(editor: MonacoEditor, mark: string, value: string | undefined) {
  const text = editor.getValue();
  if (value && text.includes(mark)) editor.setValue(text.replace(mark, () => value));
}
