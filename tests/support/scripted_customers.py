"""Customers that answer by a script."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql_api.customers.fields import Customer, NewCustomer
from graphql_api.customers.listings import Listing, Page, PageRequest
from graphql_api.customers.store import AddOutcome, EmailTaken, StoredCustomer


@dataclass
class Script:
    """The store's answers: each method takes the next one from its own list."""

    add: list[Callable[[StoredCustomer], StoredCustomer]]
    get: list[Callable[[], Customer | None]]
    created_with: list[Callable[[], bool]]
    by_email: list[Callable[[], Customer | None]] = field(default_factory=list)
    page: list[Callable[[], Page]] = field(default_factory=list)
    count: list[Callable[[], int]] = field(default_factory=list)
    find: list[Callable[[], StoredCustomer | None]] = field(default_factory=list)
    replace: list[Callable[[], bool]] = field(default_factory=list)
    remove: list[Callable[[], bool]] = field(default_factory=list)


@dataclass
class ScriptedCustomers:
    """Customers that return the same answers to each executor, and record each call.

    They replace a database, because two real ones would create different ids and times.
    """

    script: Script
    asked: list[tuple[object, ...]] = field(default_factory=list)
    # The ids of the new customers.
    ids: list[str] = field(default_factory=list)

    async def add(self, new: StoredCustomer) -> StoredCustomer:
        attempt = new.attempt and (new.attempt.key, new.attempt.fingerprint)
        values = {name: getattr(new.customer, name) for name in NewCustomer.__annotations__}
        number = self._asked("add", values, attempt)
        self.ids.append(str(new.customer.id))
        return self.script.add[number](new)

    async def add_each(self, new: Sequence[StoredCustomer]) -> list[AddOutcome]:
        outcomes: list[AddOutcome] = []
        for one in new:
            try:
                outcomes.append(await self.add(one))
            except EmailTaken as taken:
                outcomes.append(taken)
        return outcomes

    async def add_all(self, new: Sequence[StoredCustomer]) -> list[AddOutcome]:
        return await self.add_each(new)

    async def find_added(self, new: Sequence[StoredCustomer]) -> list[None]:
        return [None for _ in new]

    async def used_keys(self, keys: Sequence[str]) -> set[str]:
        return {key for key in keys if await self.created_with(key)}

    async def get(self, id_: str) -> Customer | None:
        return self.script.get[self._asked("get", id_)]()

    async def created_with(self, key: str) -> bool:
        return self.script.created_with[self._asked("created_with", key)]()

    async def by_email(self, email: str) -> Customer | None:
        return self.script.by_email[self._asked("by_email", email)]()

    async def page(self, request: PageRequest) -> Page:
        return self.script.page[self._asked("page", request)]()

    async def count(self, listing: Listing, limit: int) -> int:
        return self.script.count[self._asked("count", listing, limit)]()

    async def find(self, id_: str) -> StoredCustomer | None:
        return self.script.find[self._asked("find", id_)]()

    async def replace(self, old: StoredCustomer, new: StoredCustomer) -> bool:
        values = {name: getattr(new.customer, name) for name in NewCustomer.__annotations__}
        return self.script.replace[self._asked("replace", old, values)]()

    async def remove(self, old: StoredCustomer) -> bool:
        return self.script.remove[self._asked("remove", old)]()

    def _asked(self, method: str, *arguments: object) -> int:
        self.asked.append((method, *arguments))
        return [asked[0] for asked in self.asked].count(method) - 1


def giving(value: object) -> Callable[..., Any]:
    return lambda *_: value
