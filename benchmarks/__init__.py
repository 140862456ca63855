"""Measures the cost of one request and compares it with a floor: `make bench`."""
