// The operation in the page's address, encoded like a GET request of GraphQL over HTTP.

import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect } from "react";

const parameters = new URLSearchParams(location.search);
const query = parameters.get("query");

/** Undefined if the address contains no operation. */
export const linked = query
  ? {
      query,
      variables: indented(parameters.get("variables") ?? ""),
      operationName: parameters.get("operationName"),
    }
  : undefined;

let isSelected = false;

/** Renders nothing. Selects the operation once GraphiQL has found it in the document. */
export function SelectLinkedOperation() {
  const { setOperationName } = useGraphiQLActions();
  const operations = useGraphiQL((state) => state.operations);
  const name = linked?.operationName;

  useEffect(() => {
    if (isSelected || !name || !operations?.some((found) => found.name?.value === name)) return;
    isSelected = true;
    setOperationName(name);
  }, [operations]);

  return null;
}

/** JSON on several lines. Invalid JSON is returned as it is; GraphiQL shows its error. */
function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
