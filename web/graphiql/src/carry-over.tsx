// What an operation leaves for the other tabs: its token, and the id of the customer it created.

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
let lastToken: string | undefined;

// The page's own address, whatever prefix a proxy puts before it.
const send = createGraphiQLFetcher({ url: location.pathname, enableIncrementalDelivery: false });

export const fetcher: Fetcher = async (parameters, options) => {
  const answer: any = await send(parameters, options);
  if (answer.data) {
    const token = new Headers(options?.headers).get("Authorization");
    lastToken = token ? JSON.stringify({ Authorization: token }, null, 2) : lastToken;
    lastId = answer.data.createCustomer?.customer?.id ?? lastId;
  }
  return answer;
};

/** Shows nothing; fills in what a tab lacks when one comes to it. */
export function CarryOver() {
  const { introspect } = useGraphiQLActions();
  const { activeTabIndex, headerEditor, isFetching, schema, variableEditor } = useGraphiQL(
    (state) => state,
  );

  useEffect(() => {
    fillIn(variableEditor, server.createdLast, lastId);
    fillIn(headerEditor, NO_TOKEN, lastToken);
  }, [activeTabIndex]);

  useEffect(() => {
    // There was no token to get the schema with when the page was opened.
    if (!isFetching && !schema && lastToken) void introspect();
  }, [isFetching]);

  return null;
}

function fillIn(editor: MonacoEditor | undefined, mark: string, value: string | undefined) {
  const text = editor?.getValue();
  if (value && text?.includes(mark)) editor!.setValue(text.replace(mark, () => value));
}
