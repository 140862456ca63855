"""How results are completed: the text that is compiled, and what is remembered of answers."""

import builtins
from dataclasses import dataclass
from typing import Any

import pytest

from graphql_api.execution import completion
from graphql_api.execution.completion import ObjectField, compile_object
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
def test_what_is_no_identifier_is_not_compiled(attribute: str) -> None:
    with pytest.raises(NotCovered):
        compile_object({"key": ObjectField(attribute, repr)})


def test_keys_are_quoted() -> None:
    key = "'}, exit() #\\"

    assert compile_object({key: ObjectField("size", repr)})(File("a", 1)) == {key: "1"}
