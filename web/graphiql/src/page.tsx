// GraphiQL, with the examples in its tabs. Every file of it comes from the server.

import "@graphiql/react/setup-workers/vite";

import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "@graphiql/plugin-explorer/style.css";
import "graphiql/graphiql.css";
import "./page.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { createRoot } from "react-dom/client";

import { CarryOver, fetcher, NO_TOKEN } from "./carry-over";
import { linked, SelectLinkedOperation } from "./link";
import { FRESH, server } from "./server";
import { storage } from "./storage";

const PLUGINS = [HISTORY_PLUGIN, explorerPlugin()];
const examples = server.examples.map(({ query, variables }) => ({
  query,
  variables: variables.replaceAll(server.fresh, FRESH),
}));
const isFirstVisit = storage.getItem("graphiql:tabState") === null;
// The one that is shown first.
const initial = linked ?? (isFirstVisit ? examples[0] : undefined);

createRoot(document.getElementById("graphiql")!).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={PLUGINS}
    storage={storage}
    defaultTabs={linked ? [linked, ...examples] : examples}
    defaultHeaders={NO_TOKEN}
    defaultEditorToolsVisibility="variables"
    shouldPersistHeaders={false}
    // Without introspection there is no schema to ask for.
    {...(server.introspection ? {} : { schema: null })}
    // In a tab of its own where there are tabs already. Of a default tab, GraphiQL takes the
    // variables only when one comes back to it.
    {...(initial && { initialQuery: initial.query, initialVariables: initial.variables })}
  >
    <CarryOver />
    <SelectLinkedOperation />
  </GraphiQL>,
);
