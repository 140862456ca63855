"""A GraphQL API that creates customers and stores them in MongoDB."""
