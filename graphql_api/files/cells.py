"""The cells of a CSV file, in which formulas are made harmless.

A spreadsheet executes a cell that begins with one of a few characters, also one that a stranger has
entered as a name. An apostrophe before it prevents that. Email addresses may begin with `=`, `+` or
`-`, so the apostrophe is removed again when the file is imported: `unescaped(escaped(text))` is
`text`, for every text.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def escaped(text: str) -> str:
    """The text as a cell that no spreadsheet executes."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(cell: str) -> str:
    """The text of a cell that `escaped` made, or another program that escapes in the same way."""
    return cell[1:] if _ESCAPED.match(cell) else cell
