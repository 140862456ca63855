"""A GraphQL API that creates customers and keeps them in MongoDB."""
