"""The commands of operators: `graphql-api serve`, `keys`, `documents`, `database` and `schema`.

Each command has a module with `SUMMARY`, `add_arguments` and `run`.
"""
