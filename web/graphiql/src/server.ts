// What the server says of itself, in the page: graphql_api/http/graphiql.py writes it.

type Server = {
  introspection: boolean;
  /** What stands in the examples for something that is new each time that the page is opened. */
  fresh: string;
  /** What stands there for the id of the customer that was created last. */
  createdLast: string;
  examples: { query: string; variables: string }[];
  edition: string;
};

export const server: Server = JSON.parse(document.getElementById("server")!.textContent);

/** New each time that the page is opened: the time, in a short form. */
export const FRESH = Date.now().toString(36);
