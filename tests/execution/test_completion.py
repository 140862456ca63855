"""How results are completed: the text that is compiled, and the cache of completions."""

import builtins
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from graphql_api.execution import completion
from graphql_api.execution.completion import Budget, ObjectField, compile_object
from graphql_api.execution.covered import NotCovered


@dataclass
class File:
    name: object
    size: int


def test_an_object_is_completed_by_the_text_that_is_documented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = []

    def recorded(text: str, names: dict[str, Any]) -> Any:
        texts.append(text)
        return builtins.eval(text, names)  # noqa: S307  # as the function itself does

    monkeypatch.setattr(completion, "eval", recorded, raising=False)

    complete = compile_object(
        {
            "kind": ObjectField("__class__", lambda _class: "File"),
            "name": ObjectField("name", repr, is_text=True),
            "size": ObjectField("size", float),
        }
    )

    assert complete(File("a", 1)) == {"kind": "File", "name": "a", "size": 1.0}
    assert complete(File(None, 1)) == {"kind": "File", "name": "None", "size": 1.0}
    [text] = texts
    assert text in " ".join((compile_object.__doc__ or "").split())


@pytest.mark.parametrize("attribute", ["name)", "a.b", "", "1", "class", "a b"])
def test_an_attribute_that_is_no_identifier_is_not_compiled(attribute: str) -> None:
    with pytest.raises(NotCovered):
        compile_object({"key": ObjectField(attribute, repr)})


def test_keys_are_quoted() -> None:
    key = "'}, exit() #\\"

    assert compile_object({key: ObjectField("size", repr)})(File("a", 1)) == {key: "1"}


def test_an_immutable_object_is_completed_once_until_the_budget_is_spent() -> None:
    completed: list[object] = []

    def complete_anew(value: object) -> dict[str, str]:
        completed.append(value)
        return {"number": str(len(completed)), "text": "a" * 64}

    # Each completion counts as six fields: five for the object, and one for its text.
    budget = Budget(prepared=0, cached=17)
    complete, another = budget.cached(complete_anew), budget.cached(complete_anew)
    first, second, third = object(), object(), object()

    def number(completion: object) -> int:
        return int(orjson.loads(orjson.dumps(completion))["number"])

    answers = [number(complete(value)) for value in (first, second, first, second)]
    others = [number(another(first)), number(complete(third)), number(complete(first))]

    assert answers == [1, 2, 1, 2]
    assert others == [3, 4, 5]
    assert completed == [first, second, first, third, first]
