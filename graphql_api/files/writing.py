"""Files of customers, which can be imported again without a difference."""

import csv
import json
from collections.abc import Iterator
from typing import TextIO

from ..customers.fields import FIELDS, Customer
from .cells import escaped

# What identifies a customer, and is not imported.
_ID, _TIMES = "id", ("createdAt", "updatedAt")


class CsvWriter:
    """Writes a table whose columns have the fields' names in the API."""

    def __init__(self, file: TextIO) -> None:
        """The file must be opened with `newline=""`."""
        self._table = csv.writer(file)
        self._table.writerow([_ID, *(field.public_name for field in FIELDS), *_TIMES])

    def write(self, customer: Customer) -> None:
        """Writes one row. A field that is not given is an empty cell."""
        values = vars(customer)
        # No id and no time is a formula.
        self._table.writerow(
            [
                customer.id,
                *(escaped(values[field.name] or "") for field in FIELDS),
                *_times(customer),
            ]
        )


class JsonWriter:
    """Writes JSON Lines: one object on each line, whose members have the fields' names."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, customer: Customer) -> None:
        """Writes one object, without the fields that are not given."""
        values = vars(customer)
        members = {_ID: str(customer.id)}
        for field in FIELDS:
            if (value := values[field.name]) is not None:
                members[field.public_name] = value
        members.update(zip(_TIMES, _times(customer), strict=True))
        self._file.write(f"{json.dumps(members, ensure_ascii=False)}\n")


def _times(customer: Customer) -> Iterator[str]:
    for time in (customer.created_at, customer.updated_at):
        yield time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
