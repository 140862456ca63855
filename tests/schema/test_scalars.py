"""How times are answered."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from graphql_api.schema.scalars import SCALARS


@pytest.mark.parametrize(
    ("time", "answer"),
    [
        (datetime(2026, 11, 22, 8, 59, 51, 42_000, UTC), "2026-11-22T08:59:51.042Z"),
        (datetime(2026, 11, 22, 8, 59, 51, 0, UTC), "2026-11-22T08:59:51.000Z"),
        (datetime(2026, 11, 22, 8, 59, 51, 999_999, UTC), "2026-11-22T08:59:51.999Z"),
        (
            datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2026-11-22T19:30:00.000Z",
        ),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_answered_in_utc_with_milliseconds(time: datetime, answer: str) -> None:
    assert SCALARS[datetime].serialize(time) == answer  # type: ignore[misc]  # it has a function
