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
import { FRESH, server } from "./server";
import { storage } from "./storage";

const PLUGINS = [HISTORY_PLUGIN, explorerPlugin()];
const TABS = server.examples.map(({ query, variables }) => ({
  query,
  variables: variables.replaceAll(server.fresh, FRESH),
}));
const isFirstVisit = storage.getItem("graphiql:tabState") === null;

createRoot(document.getElementById("graphiql")!).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={PLUGINS}
    storage={storage}
    defaultTabs={TABS}
    defaultHeaders={NO_TOKEN}
    defaultEditorToolsVisibility="variables"
    shouldPersistHeaders={false}
    // Without introspection there is no schema to ask for.
    {...(server.introspection ? {} : { schema: null })}
    // GraphiQL takes those of a default tab only when one comes back to it.
    {...(isFirstVisit ? { initialVariables: TABS[0]!.variables } : {})}
  >
    <CarryOver />
  </GraphiQL>,
);
