"""What clients see: the GraphQL schema, on top of what a customer is."""
