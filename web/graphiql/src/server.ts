// The settings that the server writes into the page, in graphql_api/http/graphiql.py.

type Server = {
  introspection: boolean;
  /** Whether there is a dashboard to link to. */
  dashboard: boolean;
  /** The placeholder in the examples for a text that is new each time the page is opened. */
  fresh: string;
  /** The placeholder in the examples for the id of the customer that was created last. */
  createdLast: string;
  examples: { query: string; variables: string }[];
  edition: string;
};

export const server: Server = JSON.parse(document.getElementById("server")!.textContent);

/** A text that is new each time the page is opened: the time, in base 36. */
export const FRESH = Date.now().toString(36);
