"""What operators type: the commands of `graphql-api`."""
