"""HTTP: GraphQL over HTTP, authentication and limits, GraphiQL, and the two health checks."""
