"""How requests arrive: GraphQL over HTTP, GraphiQL, and the two health checks."""
