"""A schema with the features that ours lacks, to test prepared operations with them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Generic, NewType, TypeVar

import strawberry
from graphql import GraphQLError, Undefined
from strawberry.extensions.field_extension import FieldExtension
from strawberry.relay import GlobalID
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.base import get_object_definition

# Inputs


Word = NewType("Word", str)


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.input
class Plain:
    text: str
    other: str | None = strawberry.UNSET
    colour: Colour | None = strawberry.UNSET
    id_: strawberry.ID | None = strawberry.field(name="id", default=strawberry.UNSET)
    word: Word | None = strawberry.UNSET
    number: float | None = strawberry.UNSET


@strawberry.input
class Nested:
    plain: Plain
    again: Plain | None = strawberry.UNSET


@strawberry.input
class Fussy:
    text: str

    def __post_init__(self) -> None:
        if self.text == "bad":
            raise ValueError("s3cr3t")


@strawberry.input
class WithDefault:
    number: int = 5
    colour: Colour | None = Colour.BLUE
    plain: Plain | None = strawberry.field(default_factory=lambda: Plain(text="made"))


@strawberry.input
class WithDefaults:
    inner: WithDefault | None
    text: str | None = None
    implied: str | None


@strawberry.input
class WithDefaultLists:
    texts: list[str] = strawberry.field(default=("a",))
    plains: list[Plain] | None = strawberry.field(default_factory=lambda: [Plain(text="made")])
    maybe: list["WithMaybes"] = strawberry.field(default=({"text": "a", "word": None},))


@strawberry.input
class WithImpliedNull:
    text: str | None


@strawberry.input
class WithLists:
    texts: list[str]
    colours: list[Colour] | None = strawberry.UNSET
    plains: list[Plain | None] | None = strawberry.UNSET
    numbers: list[list[int] | None] | None = None


@strawberry.input
class WithMaybes:
    text: strawberry.Maybe[str]
    word: strawberry.Maybe[Word | None]
    plain: strawberry.Maybe[Plain | None]
    numbers: strawberry.Maybe[list[int] | None]


@strawberry.input
class Order:
    colour: Colour
    number: int = 1


@strawberry.input
class Range:
    from_: datetime | None = strawberry.field(name="from", default=strawberry.UNSET)
    before: datetime | None = strawberry.UNSET


@strawberry.input
class WithListOfMaybes:
    texts: list[strawberry.Maybe[str]]


@strawberry.input
class WithGlobalId:
    id: GlobalID | None = strawberry.UNSET


@strawberry.input(one_of=True)
class OneOf:
    a: str | None = strawberry.UNSET
    b: str | None = strawberry.UNSET


@strawberry.input
class OfItself:
    inner: Annotated["OfItself", strawberry.lazy(__name__)] | None = strawberry.UNSET


@strawberry.input
class Unset:
    text: str = strawberry.UNSET


@strawberry.input
class MadeOtherwise:
    text: str = strawberry.UNSET


get_object_definition(MadeOtherwise, strict=True).from_input = lambda class_, value, _context: (
    class_(text=f"made of {value}")
)


# Outputs

T = TypeVar("T")


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Thing(Named):
    colour: Colour | None = None
    words: list[str] | None = None
    word: Word | None = None


class Subthing(Thing):
    pass


@strawberry.type
class Other(Named):
    size: int


@strawberry.type
class Loud:
    @strawberry.field
    def shout(self) -> Word:
        return Word("!")

    @strawberry.field
    def later(self, times: int) -> str:
        """Not a coroutine function, but what it returns is awaited."""
        return repeated(times)  # type: ignore[return-value]  # Strawberry allows it


async def repeated(times: int) -> str:
    return "later" * times


def repeat(times: int) -> str:
    """A resolver that takes neither the object nor `info`."""
    return "again" * times


async def parent_and_root(parent: strawberry.Parent[Any], info: Info) -> str:
    calls.append(f"parent {parent.number}")
    await asyncio.sleep(0)
    return f"{parent.number} {info.context}"


def root_alone(root: Any) -> str:
    calls.append(f"root {root.number}")
    if root.number > 9:
        raise GraphQLError("m", extensions={"code": "TOO_MANY"})
    return f"{root.number}"


@strawberry.type
class Page:
    """A type whose fields have resolvers, which return more of such objects."""

    number: int

    @strawberry.field
    async def count(self, info: Info, limit: int = 1000) -> "Counted":
        calls.append(f"count {limit} of {self.number} for {info.context}")
        await asyncio.sleep(0)
        if limit < -1:
            raise GraphQLError("m", extensions={"code": info.context})
        return Counted(count=min(limit, self.number))

    @strawberry.field
    async def maybe_count(self, limits: list[int], lowest: int | None = 1) -> int | None:
        return None if lowest is None else max([lowest, *limits])

    @strawberry.field
    def next_pages(self, number: int = 2) -> list[Annotated["Page", strawberry.lazy(__name__)]]:
        return [Page(number=self.number + step + 1) for step in range(min(number, 3))]

    @strawberry.field
    @staticmethod
    async def of_no_page(info: Info) -> str:
        return f"{info.context}"

    @strawberry.field
    @classmethod
    def of_the_class(cls, info: Info) -> str:
        return f"{cls.__name__} {info.context}"

    again: str = strawberry.field(resolver=repeat)
    with_parent: str = strawberry.field(resolver=parent_and_root)
    with_root: str | None = strawberry.field(resolver=root_alone)


@strawberry.type
class Counted:
    count: int

    @strawberry.field
    async def twice(self) -> int:
        return 2 * self.count


@strawberry.type
class Meeting:
    """A type whose resolvers return once as many of them run as the barrier of the context has."""

    @strawberry.field
    async def met(self, info: Info) -> int:
        await info.context.wait()
        return int(info.context.parties)


@strawberry.type
class Constant:
    """A type whose objects never change, and have a field with a resolver."""

    name: str
    page: Page | None = None

    @strawberry.field
    def context(self, info: Info) -> str:
        return f"{info.context}"


@strawberry.type
class Box(Generic[T]):
    content: T


@strawberry.type
class Picky:
    name: str

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Picky) and value.name != "refused"


@strawberry.interface
class Resolved:
    name: str

    @classmethod
    def resolve_type(cls, _value: object, _info: object, _type: object) -> str:
        return "Second"


@strawberry.type
class First(Resolved):
    pass


@strawberry.type
class Second(Resolved):
    pass


# Resolvers

# One text for each call of a resolver.
calls: list[str] = []


def echo(type_: object, default: object = strawberry.UNSET) -> Any:
    """A field that returns the `repr` of its argument."""

    async def resolver(info: Info, value: Any = default) -> str:
        calls.append(f"{info.context} {value!r}")
        return repr(value)

    resolver.__annotations__["value"] = type_
    return strawberry.field(resolver=resolver)


THINGS: dict[str, Any] = {
    "thing": Thing(name="a", colour=Colour.RED, words=["b", "c"], word=Word("d")),
    "empty": Thing(name="a"),
    "nothing": None,
    "other": Other(name="a", size=1),
    "subclass": Subthing(name="a"),
    "another class": Picky(name="a"),
    "refused": Picky(name="refused"),
    "no name": Thing(name=None),  # type: ignore[arg-type]  # resolvers may be wrong
    "no text": Thing(name=object()),  # type: ignore[arg-type]  # as above
    "tuple": Thing(name="a", words=("b", "c")),  # type: ignore[arg-type]  # as above
    "text": Thing(name="a", words="bc"),  # type: ignore[arg-type]  # as above
    "no list": Thing(name="a", words=5),  # type: ignore[arg-type]  # as above
    "null in a list": Thing(name="a", words=["b", None]),  # type: ignore[list-item]  # as above
    "value of an enum": Thing(name="a", colour="red"),  # type: ignore[arg-type]  # as above
    "no member": Thing(name="a", colour="green"),  # type: ignore[arg-type]  # as above
    "no word": Thing(name="a", word=Word("")),
    "an error": ValueError("s3cr3t"),
    "loud": Loud(),
    "box": Box(content=1),
    "resolved": First(name="a"),
}


CONSTANTS = {
    "alone": Constant(name="alone"),
    "with a page": Constant(name="with a page", page=Page(number=3)),
}


def thing_of(type_: object) -> Any:
    """A field that returns one of the `THINGS` by its key."""

    async def resolver(info: Info, key: str) -> Any:
        calls.append(key)
        if key == "raised":
            raise GraphQLError("m", extensions={"code": info.context})
        return THINGS[key]

    resolver.__annotations__["return"] = type_
    return strawberry.field(resolver=resolver)


class Another(FieldExtension):
    async def resolve_async(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        return f"another {await next_(source, info, **kwargs)}"


async def plain_resolver(info: Info) -> str:
    calls.append("plainly")
    return f"{info.context}"


async def resolver_without_info() -> str:
    calls.append("without info")
    return "a"


async def resolver_with_root(root: Any, info: Info) -> str:
    calls.append("with root")
    return f"{root} {info.context}"


FIVE = [5]
ORDER = Order(colour=Colour.RED, number=2)
DEFAULT = WithDefaults(inner=WithDefault(number=6, plain=None), text="b", implied="c")


async def resolver_that_changes(info: Info, value: WithDefaults = DEFAULT) -> str:
    """Changes its argument. No later call may get the changed one."""
    calls.append(f"{info.context} {value!r}")
    assert value.inner is not None
    value.inner.number += 1
    return repr(value)


async def resolver_that_changes_a_list(info: Info, value: list[int] = FIVE) -> str:
    """As above."""
    calls.append(f"{info.context} {value!r}")
    value.append(6)
    return repr(value)


async def resolver_how(info: Info) -> str:
    """Only graphql-core passes the path of its field to a resolver."""
    return "by graphql-core" if hasattr(info, "path") else "prepared"


async def resolver_page(number: int = 5) -> Page:
    calls.append(f"page {number}")
    return Page(number=number)


def resolver_constant(name: str) -> Constant:
    return CONSTANTS[name]


async def resolver_meeting() -> Meeting:
    return Meeting()


def resolver_at_once(info: Info) -> str:
    calls.append("at once")
    return f"{info.context}"


def field(resolver: Callable[..., Any], *extensions: FieldExtension) -> Any:
    return strawberry.field(resolver=resolver, extensions=[*extensions])


@strawberry.type
class Query:
    plain: str | None = echo(Plain)
    optional: str | None = echo(Plain | None)
    nested: str | None = echo(Nested)
    fussy: str | None = echo(Fussy)
    colour: str | None = echo(Colour)
    number: str | None = echo(int | None)
    boolean: str | None = echo(bool | None)
    booleans: str | None = echo(list[bool])
    with_default: str | None = echo(WithDefault)
    with_defaults: str | None = echo(WithDefaults)
    with_default_lists: str | None = echo(WithDefaultLists)
    with_implied_null: str | None = echo(WithImpliedNull)
    with_lists: str | None = echo(WithLists)
    lists: str | None = echo(list[WithLists])
    with_maybes: str | None = echo(WithMaybes)
    with_list_of_maybes: str | None = echo(WithListOfMaybes)
    order: str | None = echo(Order, ORDER)
    range: str | None = echo(Range | None)
    with_global_id: str | None = echo(WithGlobalId)
    one_of: str | None = echo(OneOf)
    of_itself: str | None = echo(OfItself)
    unset: str | None = echo(Unset)
    made_otherwise: str | None = echo(MadeOtherwise)
    default: str | None = echo(int, 5)
    default_null: str | None = echo(int | None, None)
    default_colour: str | None = echo(Colour, Colour.BLUE)
    default_object: str | None = echo(WithDefaults, DEFAULT)
    default_part: str | None = echo(WithDefaults, {"text": "b"})
    default_fussy: str | None = echo(Fussy, Fussy(text="good"))
    default_list: str | None = echo(list[int], [1])
    changed: str | None = field(resolver_that_changes)
    changed_list: str | None = field(resolver_that_changes_a_list)
    numbers: str | None = echo(list[int])
    optional_numbers: str | None = echo(list[int | None] | None)
    colours: str | None = echo(list[Colour], (Colour.RED,))
    maybe: str | None = echo(strawberry.Maybe[int], None)  # type: ignore[misc]  # mypy knows no `Maybe`
    maybe_null: str | None = echo(strawberry.Maybe[int | None], None)  # type: ignore[misc]  # as above
    global_id: str | None = echo(GlobalID)
    global_ids: str | None = echo(list[GlobalID])

    thing: Thing | None = thing_of(Thing | None)
    certain: Thing = thing_of(Thing)
    word: Word | None = thing_of(Word | None)
    named: Named | None = thing_of(Named | None)
    either: Thing | Other | None = thing_of(
        Annotated[Thing | Other | None, strawberry.union("Either")]
    )
    picky: Picky | None = thing_of(Picky | None)
    resolved: Resolved | None = thing_of(Resolved | None)
    loud: Loud | None = thing_of(Loud | None)
    page: Page | None = field(resolver_page)
    meeting: Meeting | None = field(resolver_meeting)
    constant: Constant | None = field(resolver_constant)
    box: Box[int] | None = thing_of(Box[int] | None)

    plainly: str | None = field(plain_resolver)
    extended: str | None = field(plain_resolver, Another())
    only_extended: str | None = field(plain_resolver, Another())
    without_info: str | None = field(resolver_without_info)
    with_root: str | None = field(resolver_with_root)
    at_once: str | None = field(resolver_at_once)
    how: str | None = field(resolver_how)


@strawberry.type
class CoveredQuery:
    """The fields whose operations are prepared."""

    plain: str | None = echo(Plain)
    optional: str | None = echo(Plain | None)
    nested: str | None = echo(Nested)
    colour: str | None = echo(Colour)
    number: str | None = echo(int | None)
    boolean: str | None = echo(bool | None)
    booleans: str | None = echo(list[bool])
    with_default: str | None = echo(WithDefault)
    with_defaults: str | None = echo(WithDefaults)
    default: str | None = echo(int, 5)
    default_null: str | None = echo(int | None, None)
    default_colour: str | None = echo(Colour, Colour.BLUE)
    default_object: str | None = echo(WithDefaults, DEFAULT)
    default_part: str | None = echo(WithDefaults, {"text": "b"})
    default_list: str | None = echo(list[int], [1])
    with_default_lists: str | None = echo(WithDefaultLists)
    with_lists: str | None = echo(WithLists)
    lists: str | None = echo(list[WithLists])
    with_maybes: str | None = echo(WithMaybes)
    order: str | None = echo(Order, ORDER)
    range: str | None = echo(Range | None)
    numbers: str | None = echo(list[int])
    optional_numbers: str | None = echo(list[int | None] | None)
    colours: str | None = echo(list[Colour], (Colour.RED,))
    maybe: str | None = echo(strawberry.Maybe[int], None)  # type: ignore[misc]  # as above
    maybe_null: str | None = echo(strawberry.Maybe[int | None], None)  # type: ignore[misc]  # as above
    page: Page | None = field(resolver_page)


@strawberry.type
class CoveredMutation(CoveredQuery):
    pass


async def count(info: Info) -> AsyncGenerator[int, None]:
    yield len(f"{info}")  # pragma: no cover  # nobody subscribes


@strawberry.type
class Subscription:
    numbers: AsyncGenerator[int, None] = strawberry.subscription(resolver=count)


@strawberry.type
class Mutation:
    plain: str = echo(Plain)
    changed: str | None = field(resolver_that_changes)
    changed_list: str | None = field(resolver_that_changes_a_list)
    thing: Thing | None = thing_of(Thing | None)
    certain: Thing = thing_of(Thing)
    page: Page | None = field(resolver_page)


def parse_word(value: object) -> object:
    if value == "refused":
        raise ValueError("s3cr3t")
    return Undefined if value == "undefined" else value


WORD = strawberry.scalar(name="Word", serialize=lambda value: value or None, parse_value=parse_word)
CONFIG = StrawberryConfig(scalar_map={Word: WORD})
COVERED_SCHEMA = strawberry.Schema(
    query=CoveredQuery, mutation=CoveredMutation, config=CONFIG
)._schema
SCHEMA = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[First, Second, Other],
    config=CONFIG,
)._schema
