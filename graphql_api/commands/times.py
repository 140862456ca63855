"""Times on the command line."""

import argparse
from datetime import UTC, datetime


def time_argument(text: str) -> datetime:
    """Reads a time in ISO 8601, in UTC if it has no offset.

    Raises `argparse.ArgumentTypeError` for any other text.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "use a time in ISO 8601, such as 2026-11-22 or 2026-11-22T08:00+01:00"
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
