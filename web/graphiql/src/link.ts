// The operation that the page's address names, as GraphQL over HTTP writes it in a GET.

import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect } from "react";

const parameters = new URLSearchParams(location.search);
const query = parameters.get("query");

/** Undefined where the address names none. */
export const linked = query
  ? {
      query,
      variables: laidOut(parameters.get("variables") ?? ""),
      operationName: parameters.get("operationName"),
    }
  : undefined;

let isSelected = false;

/** Shows nothing; selects the operation once GraphiQL has found it in the document. */
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

/** JSON on several lines; what is none stays as it is, and GraphiQL says what is wrong with it. */
function laidOut(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
