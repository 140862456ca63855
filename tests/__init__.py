"""The tests; `values` holds the table that three of them read."""
