"""Code that the tests share: clients, servers, replica sets, tables of values and operations."""
