"""HTTP: GraphQL over HTTP, authentication and limits, the two pages, and the two health checks."""
