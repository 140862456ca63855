"""A GraphQL API that creates, finds, changes and deletes customers in MongoDB."""
