"""Pages and counts of lists of customers, each from an index, however many customers there are.

Which index is best depends on how many customers fulfil a condition. MongoDB's planner would try
some, and use the winner for other values, too: the best index for a common word would read every
customer for a rare one. So this module chooses the index. A probe tells whether few customers
fulfil a condition: then these are sorted. If many fulfil each condition, which is remembered for a
minute, customers are read in the order of the list until the page is full.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pymongo
from bson import MaxKey
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from ..customers.fields import Customer
from ..customers.listings import (
    NEWEST_FIRST,
    Filter,
    Listing,
    OrderField,
    Page,
    PageRequest,
    Position,
    TimeRange,
)
from .customer_documents import (
    BEGINNING,
    BITS,
    EMAIL_SORT,
    GIVEN,
    NAME_SORT,
    SEARCH,
    beginning_token,
    customer_in,
    place_token,
)
from .customers_collection import NAME

_Query = dict[str, Any]

# Fewer customers than this are sorted. A probe costs about a millisecond, because it reads the keys
# of at most this number of customers in an index, and no customers.
_FEW = 1000
# The number of customers of each condition by which the rarest condition is found.
_COMPARED = 100

# For how long a condition that many customers fulfil needs no second probe, and how many of these
# conditions are remembered.
_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 1000

# How long customers are read in the order of the list, before those of one condition are sorted
# instead: if many fulfil each condition, but few fulfil all, every customer would be read.
_WALK_SECONDS = 0.5

# The fields by which lists are ordered, which are the names of their indexes, too.
_KEYS = {
    OrderField.CREATED_AT: "createdAt",
    OrderField.UPDATED_AT: "updatedAt",
    OrderField.NAME: NAME_SORT,
    OrderField.EMAIL: EMAIL_SORT,
}
# The times that Python has. Other programs may have stored other times.
_TIMES = {"$gte": datetime.min.replace(tzinfo=UTC), "$lte": datetime.max.replace(tzinfo=UTC)}
# Every key of a customer is one of these or greater. A comparison finds no document without the
# key, which is not a customer, or not migrated yet.
_LEAST: dict[str, datetime | str] = {
    "createdAt": _TIMES["$gte"],
    "updatedAt": _TIMES["$gte"],
    NAME_SORT: "",
    EMAIL_SORT: "",
}
# Words that begin with a word are less than that word with this character, which no word contains.
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class _Condition:
    """One thing that every customer of a list must fulfil, as a query that the index answers.

    `in_order` is a query for these customers, and maybe for others, which the index `search`
    answers in the order of creation. `beginning` is the beginning of the words that the query
    finds, if it finds words by their beginning.
    """

    index: str
    query: _Query
    in_order: _Query | None = None
    beginning: str | None = None


class Frequent:
    """The conditions that many customers were found to fulfil in the last minute.

    If few customers fulfil one of them now, its lists may take longer, but are right.
    """

    def __init__(self) -> None:
        # When each condition is forgotten, by its hash: a condition contains values of customers.
        self._until: dict[int, float] = {}

    def __contains__(self, condition: _Condition) -> bool:
        return self._until.get(hash(str(condition.query)), 0.0) > time.monotonic()

    def add(self, condition: _Condition) -> None:
        if len(self._until) >= _MOST_REMEMBERED:
            self._until.clear()
        self._until[hash(str(condition.query))] = time.monotonic() + _REMEMBERED_SECONDS


async def read_page(
    database: AsyncDatabase[dict[str, Any]], *, request: PageRequest, frequent: Frequent
) -> Page:
    """The page. Raises `pymongo.errors.PyMongoError`."""
    reader = await _reader(database[NAME], request.listing, frequent)
    after, before, is_last = request.after, request.before, request.is_last
    # One more than the page has: it tells whether there is another page.
    customers = await reader.find(after, before, request.size + 1, is_backwards=is_last)
    has_more = len(customers) > request.size
    # Usually, the customers of the positions are still there, and are found at once.
    starts_later = after is not None and bool(
        await reader.find(None, after, 1, is_backwards=True, is_included=True)
    )
    ends_earlier = before is not None and bool(await reader.find(before, None, 1, is_included=True))

    customers = customers[: request.size]
    if is_last:
        customers.reverse()
        return Page(customers, has_next=ends_earlier, has_previous=has_more or starts_later)
    return Page(customers, has_next=has_more or ends_earlier, has_previous=starts_later)


async def read_on(
    database: AsyncDatabase[dict[str, Any]],
    *,
    listing: Listing,
    after: Position | None,
    size: int,
    session: AsyncClientSession,
) -> list[Customer]:
    """The next customers of a listing, at the session's time, however long it takes to find them.

    Raises `pymongo.errors.PyMongoError`.
    """
    reader = await _reader(database[NAME], listing, Frequent(), session)
    return await reader.find(after, None, size)


async def count(
    database: AsyncDatabase[dict[str, Any]], *, listing: Listing, limit: int, frequent: Frequent
) -> int:
    """The number of customers, or the limit. Raises `pymongo.errors.PyMongoError`."""
    # The index `search` has the times of creation, so MongoDB counts without reading documents.
    reader = await _reader(database[NAME], replace(listing, order=NEWEST_FIRST), frequent)
    return await reader.count(limit)


async def _reader(
    customers: AsyncCollection[dict[str, Any]],
    listing: Listing,
    frequent: Frequent,
    session: AsyncClientSession | None = None,
) -> "_Reader":
    """A reader of the customers of one listing.

    With a session, everything is read at its time, and customers are read in the order of the list
    however long it takes.
    """
    conditions = list(_conditions(listing))
    filter_ = listing.filter
    if filter_.has or filter_.has_not:
        masks = await _masks(customers, filter_, session)
        conditions.append(_Condition(GIVEN, {GIVEN: {"$in": masks}}))
    return _Reader(customers, listing, conditions, frequent, session)


class _Reader:
    """Reads the customers of one listing."""

    def __init__(
        self,
        customers: AsyncCollection[dict[str, Any]],
        listing: Listing,
        conditions: list[_Condition],
        frequent: Frequent,
        session: AsyncClientSession | None,
    ) -> None:
        self._customers = customers
        self._frequent = frequent
        self._session = session
        self._is_by_creation = listing.order.field is OrderField.CREATED_AT
        self._is_descending = listing.order.is_descending
        self._key = _KEYS[listing.order.field]
        # The limits of the order's key: MongoDB reads one range of each index in that order.
        self._ranges = [
            {self._key: {"$gte": _LEAST[self._key]}},
            *(condition.query for condition in conditions if condition.index == self._key),
            *_implied_ranges(listing.filter, self._key),
        ]
        self._conditions = [condition for condition in conditions if condition.index != self._key]
        # All customers in the order of the list, filtered by all conditions.
        self._walk = _Condition(self._key, {})
        # What customers are found by, once it is chosen.
        self._plan: _Condition | None = None

    async def find(
        self,
        after: Position | None,
        before: Position | None,
        limit: int,
        *,
        is_backwards: bool = False,
        is_included: bool = False,
    ) -> list[Customer]:
        """The first customers between two positions, or the last ones, the last one first."""
        low, high = (before, after) if self._is_descending else (after, before)
        between = _Between(key=self._key, low=low, high=high, is_included=is_included)
        direction = -1 if self._is_descending is not is_backwards else 1
        plan = self._plan = self._plan or await self._choose()
        if self._session is None and plan is self._walk and self._conditions:
            try:
                with pymongo.timeout(_WALK_SECONDS):
                    return await self._find(plan, between, limit, direction)
            except PyMongoError as error:
                if not error.timeout:
                    raise
            plan = self._plan = await self._rarest() or self._conditions[0]
        return await self._find(plan, between, limit, direction)

    async def count(self, limit: int) -> int:
        """The number of customers, or the limit."""
        plan = await self._rare()
        if plan is None and len(self._conditions) > 1:
            # Customers are read, to filter them.
            plan = await self._rarest()
        plan = plan or next(iter(self._conditions), self._walk)
        query = {"$and": self._queries(plan)}
        return await self._customers.count_documents(query, limit=limit, hint=plan.index)

    async def _find(
        self, plan: _Condition, between: "_Between", limit: int, direction: int
    ) -> list[Customer]:
        # What other programs stored is left out, and what follows it is read in its place.
        left_out: list[Any] = []
        while True:
            documents = await self._read(plan, between, limit, direction, left_out)
            found = [customer_in(document) for document in documents]
            customers = [stored.customer for stored in found if stored is not None]
            if len(customers) == len(documents):
                return customers
            pairs = zip(documents, found, strict=True)
            left_out += [document["_id"] for document, stored in pairs if stored is None]

    async def _read(
        self,
        plan: _Condition,
        between: "_Between",
        limit: int,
        direction: int,
        left_out: list[Any],
    ) -> list[dict[str, Any]]:
        queries, ranges = [*self._queries(plan), between.whole_range()], between.ranges()
        if left_out:
            queries.append(_filter_only({"_id": {"$nin": left_out}}))
        if plan is self._walk:
            # MongoDB reads each range from its beginning, and merges them.
            query: _Query = {"$or": [{"$and": [range_, *queries]} for range_ in ranges]}
        else:
            # It would not merge the ranges of several tokens, but sort them.
            query = {"$and": [*queries, _filter_only(*ranges)]}
        return await self._customers.find(
            query,
            # The tokens are the largest part of a document.
            {SEARCH: False},
            sort=[(self._key, direction), ("_id", direction)],
            limit=limit,
            hint=plan.index,
            session=self._session,
        ).to_list()

    async def _choose(self) -> _Condition:
        """What customers are found by. They are filtered by all other conditions.

        They are sorted, unless the index has them in the order of the list.
        """
        if self._is_by_creation and len(self._conditions) == 1:
            [condition] = self._conditions
            if condition.in_order is condition.query:
                return condition
        rare = await self._rare()
        if rare is None and self._is_by_creation:
            rare = await self._rarest()
        return rare or self._walk

    async def _rare(self) -> _Condition | None:
        """The first condition that few customers fulfil, or None."""
        for condition in self._conditions:
            if condition in self._frequent:
                continue
            if await self._is_rare(condition):
                return condition
            self._frequent.add(condition)
        return None

    async def _is_rare(self, condition: _Condition) -> bool:
        """Whether few customers fulfil the condition. MongoDB reads only keys of the index."""
        query, limits = condition.query, {}
        if condition.beginning is not None:
            # For `$elemMatch`, MongoDB reads the customers, too, which takes four times as long.
            low, high = condition.beginning, condition.beginning + _LAST
            query, limits = {}, {"min": _first_key(low), "max": _first_key(high)}
        cursor = self._customers.find(
            query,
            # A field that the keys contain.
            {"_id": False, "createdAt" if condition.index == SEARCH else condition.index: True},
            skip=_FEW - 1,
            limit=1,
            hint=condition.index,
            session=self._session,
            **limits,
        )
        return not await cursor.to_list()

    async def _rarest(self) -> _Condition | None:
        """The rarest of the conditions that are answered in the order of creation, or None.

        In this order, customers are beside each other in the collection, so they are read faster.
        """
        in_order = [
            _Condition(SEARCH, condition.in_order)
            for condition in self._conditions
            if condition.in_order is not None
        ]
        if len(in_order) > 1:
            created = [await self._created_before(plan) for plan in in_order]
            return in_order[created.index(min(created))]
        return in_order[0] if in_order else None

    async def _created_before(self, plan: _Condition) -> list[datetime]:
        """When the 100th newest of these customers was created: the rarer, the earlier."""
        cursor = self._customers.find(
            {**plan.query, "createdAt": _TIMES},
            {"_id": False, "createdAt": True},
            sort=[("createdAt", -1), ("_id", -1)],
            skip=_COMPARED - 1,
            limit=1,
            hint=SEARCH,
            session=self._session,
        )
        return [document["createdAt"] for document in await cursor.to_list()]

    def _queries(self, plan: _Condition) -> list[_Query]:
        """What every customer of the list fulfils. The plan's index answers the plan's query."""
        others = [c.query for c in self._conditions if c.query is not plan.query]
        if plan.index == SEARCH:
            # The planner would try each token, and prefer one that is not in order.
            others = [_filter_only(query) for query in others]
        return [*self._ranges, plan.query, *others]


def _conditions(listing: Listing) -> Iterator[_Condition]:
    """The conditions of a listing, without the one on what is given.

    Those that probably let the fewest customers through are first.
    """
    for word in sorted(listing.words, key=len, reverse=True):
        begins = {SEARCH: {"$elemMatch": {"$gte": word, "$lt": word + _LAST}}}
        beginning = {SEARCH: beginning_token(word)}
        if len(word) == BEGINNING:
            yield _Condition(SEARCH, beginning, in_order=beginning)
        else:
            in_order = beginning if len(word) > BEGINNING else None
            yield _Condition(SEARCH, begins, in_order=in_order, beginning=word)
    filter_ = listing.filter
    places = (("city", filter_.city), ("state", filter_.state), ("country", filter_.country))
    for field, values in places:
        if values is not None:
            query = {SEARCH: {"$in": [place_token(field, value) for value in values]}}
            yield _Condition(SEARCH, query, in_order=query)
    for key, times in (("createdAt", filter_.created_at), ("updatedAt", filter_.updated_at)):
        if times is not None and (limits := _limits(times)):
            yield _Condition(key, {key: limits})


def _limits(times: TimeRange) -> dict[str, datetime]:
    limits = {"$gte": times.start, "$lt": times.before}
    return {operator: time for operator, time in limits.items() if time is not None}


def _implied_ranges(filter_: Filter, key: str) -> Iterator[_Query]:
    """The limits of one time that follow from the other: no update precedes the creation."""
    created, updated = filter_.created_at, filter_.updated_at
    if key == "createdAt" and updated is not None and updated.before is not None:
        yield {key: {"$lt": updated.before}}
    if key == "updatedAt" and created is not None and created.start is not None:
        yield {key: {"$gte": created.start}}


def _first_key(word: str) -> dict[str, Any]:
    """The first possible key of the index `search` with this word."""
    return {SEARCH: word, "createdAt": MaxKey(), "_id": MaxKey()}


async def _masks(
    customers: AsyncCollection[dict[str, Any]], filter_: Filter, session: AsyncClientSession | None
) -> list[int]:
    """The masks, of those that customers have, with what is given, and without what is not.

    No index answers a condition on bits, but a collection has few masks.
    """
    given = sum(BITS[name] for name in filter_.has or ())
    missing = sum(BITS[name] for name in filter_.has_not or ())
    # None for documents without a mask: removed customers, and those that are not migrated yet.
    masks: list[int | None] = await customers.distinct(GIVEN, session=session)
    return [
        mask for mask in masks if mask is not None and mask & given == given and not mask & missing
    ]


def _filter_only(*queries: _Query) -> _Query:
    """A query for customers that fulfil one of the queries, for which MongoDB uses no index.

    It uses none for an `$or` with a field that is in no index, which no document has.
    """
    return {"$or": [*queries, {"never": True}]}


@dataclass(frozen=True, kw_only=True)
class _Between:
    """The customers between two positions in the order of a key. None is no limit on that side."""

    key: str
    low: Position | None
    high: Position | None
    is_included: bool

    def whole_range(self) -> _Query:
        """One range of the key. It also has other customers with the keys of the positions."""
        limits = {}
        if self.low is not None:
            limits["$gte"] = self.low.key
        if self.high is not None:
            limits["$lte"] = self.high.key
        return {self.key: limits} if limits else {}

    def ranges(self) -> list[_Query]:
        """The ranges of key and id that together have exactly these customers.

        Customers with the key of a position have a range of their own, which begins at its id:
        half of all customers may have this key, if it is that of a missing name.
        """
        low, high = self.low, self.high
        greater, less = ("$gte", "$lte") if self.is_included else ("$gt", "$lt")
        if low is not None and high is not None and low.key == high.key:
            return [{self.key: low.key, "_id": {greater: low.id, less: high.id}}]
        inside: dict[str, Any] = {}
        ranges = []
        if low is not None:
            inside["$gt"] = low.key
            ranges.append({self.key: low.key, "_id": {greater: low.id}})
        if high is not None:
            inside["$lt"] = high.key
            ranges.append({self.key: high.key, "_id": {less: high.id}})
        return [{self.key: inside}, *ranges] if inside else [{}]
