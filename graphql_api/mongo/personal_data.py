"""Finds the data of a person that MongoDB still stores after the customer was removed."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from pymongo.collation import Collation, CollationStrength
from pymongo.database import Database
from pymongo.errors import OperationFailure

from .customer_documents import EXPIRES_AT, is_removed, shown_id
from .customers_collection import NAME
from .database import MongoDatabase
from .deadline import with_retries

_EMAIL_FIELDS = ("email", "sendEmailAddress", "ccEmailAddress")

# Compares without regard to case.
_ANY_CASE = Collation("en", strength=CollationStrength.SECONDARY)

# No index has all of these fields, so MongoDB reads every customer, which takes long.
_SECONDS = 600.0


@dataclass(frozen=True)
class PersonalData:
    """The data that are left. All times are in UTC.

    `remains_until`: when MongoDB deletes the remains of the removed customer; None if there are
    none. `others` has the id of each other document, as operators see it, and the fields in which
    it has the email address; no field if it has the customer's id and is not a customer.
    `history_since`: when the oldest change in the oplog was made; None if this user may not see it.
    """

    remains_until: datetime | None
    others: list[tuple[str, list[str]]]
    history_since: datetime | None


async def find_personal_data(
    database: MongoDatabase, id_: UUID | None, email: str | None
) -> PersonalData:
    """Looks for the id and the email address of a customer that was removed. Changes nothing.

    Raises `Unavailable`, and `pymongo.errors.PyMongoError` if a second try would fail as well.
    """
    return await with_retries(database.driver, partial(_find, id_=id_, email=email), _SECONDS)


def _find(
    database: Database[dict[str, Any]], *, id_: UUID | None, email: str | None
) -> PersonalData:
    queries: list[dict[str, Any]] = [] if id_ is None else [{"_id": id_}]
    # MongoDB compares, so that no value is read.
    has_email: dict[str, Any] = {}
    if email is not None:
        queries += [{field: email} for field in _EMAIL_FIELDS]
        has_email = {field: {"$eq": [f"${field}", {"$literal": email}]} for field in _EMAIL_FIELDS}
    remains_until = None
    others = []
    for document in database[NAME].find(
        {"$or": queries}, {EXPIRES_AT: 1, **has_email}, collation=_ANY_CASE
    ):
        if is_removed(document):
            remains_until = document[EXPIRES_AT]
        else:
            fields = [field for field in has_email if document[field]]
            others.append((shown_id(document["_id"]), fields))
    return PersonalData(remains_until, others, _history_since(database))


def _history_since(database: Database[dict[str, Any]]) -> datetime | None:
    with contextlib.suppress(OperationFailure):
        oplog = database.client["local"]["oplog.rs"]
        [first] = oplog.find({}, ["ts"], sort=[("$natural", 1)], limit=1)
        time: datetime = first["ts"].as_datetime()
        return time
    return None
