// The settings that the server writes into the page.

interface Server {
  /** Whether the server requires a token. */
  authentication?: boolean;
  /** Whether the server serves GraphiQL. */
  graphiql?: boolean;
  /** The size of the largest file that the server imports. */
  maxImportBytes?: number;
}

export const server = JSON.parse(document.getElementById("server")!.textContent) as Server;

/** GraphiQL and the API have the same address: a relative one, which includes a proxy's prefix. */
export const GRAPHQL = "graphql";
export const IMPORT = "customers/import";
export const EXPORT = "customers/export";
