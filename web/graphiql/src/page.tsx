// GraphiQL with the examples in its tabs. All its files come from the server.

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
// The tab that is shown first.
const initial = linked ?? openTab() ?? examples[0];

/** The tab that was open at the last visit. */
function openTab(): { query: string; variables: string } | undefined {
  try {
    const { tabs, activeTabIndex } = JSON.parse(storage.getItem("graphiql:tabState") ?? "");
    const { query, variables } = tabs[activeTabIndex];
    return { query: query ?? "", variables: variables ?? "" };
  } catch {
    // This is the first visit, or GraphiQL cannot read the stored tabs.
    return undefined;
  }
}

createRoot(document.getElementById("graphiql")!).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={PLUGINS}
    storage={storage}
    defaultTabs={linked ? [linked, ...examples] : examples}
    defaultHeaders={NO_TOKEN}
    defaultEditorToolsVisibility="variables"
    shouldPersistHeaders={false}
    // Without introspection the server does not tell its schema.
    {...(server.introspection ? {} : { schema: null })}
    // GraphiQL opens a new tab for it unless a tab has it already. The open tab needs this as well:
    // GraphiQL reads the variables of a stored tab only when a user returns to it.
    {...(initial && { initialQuery: initial.query, initialVariables: initial.variables })}
  >
    <CarryOver />
    <SelectLinkedOperation />
    {server.dashboard && (
      <GraphiQL.Logo>
        {/* Relative to /graphql, so that it leads to the dashboard when a proxy adds a prefix. */}
        <a className="graphiql-logo-link" href="./">
          Dashboard
        </a>
      </GraphiQL.Logo>
    )}
  </GraphiQL>,
);
