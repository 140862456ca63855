"""Numbers in sentences for people."""


def counted(number: int, noun: str) -> str:
    """The number and the noun, such as `1 row` or `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
