"""Measures what one request costs, beside a floor: `python -m benchmarks`, or `make bench`."""
