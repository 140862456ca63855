"""Tables on standard output."""


def print_table(*rows: tuple[str, ...]) -> None:
    """Prints rows of equally many cells, with each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
