"""The key of an email address: every valid address has one, the same in all its forms."""

import unicodedata

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphql_api.customers.identity import email_key
from graphql_api.customers.judge import judge
from graphql_api.customers.problems import Rejected

from ..support.tracers import unmeasured

LETTERS = st.characters(categories=["L", "M", "Nd"])
LOCALS = st.text(LETTERS, min_size=1, max_size=8)
LABELS = st.text(LETTERS, min_size=1, max_size=8)
ADDRESSES = st.builds("{}@{}.com".format, LOCALS, LABELS | st.just("example"))


@unmeasured
def stored(email: str) -> str | None:
    """The stored form of the address, or None if it is invalid."""
    judged = judge({"email": email})
    return None if isinstance(judged, Rejected) else judged.email


@unmeasured
@settings(max_examples=200, deadline=None)
@given(ADDRESSES | st.emails())
def test_every_form_of_a_valid_address_has_the_same_key(sent: str) -> None:
    email = stored(sent)
    assume(email is not None)
    assert email is not None
    key = email_key(email)

    local, _, domain = email.rpartition("@")
    folded = f"{local.casefold()}@{domain}"
    others = [stored(unicodedata.normalize(form, folded)) for form in ("NFC", "NFD")]

    assert {email_key(other) for other in others if other is not None} <= {key}
    assert key.rpartition("@")[2].isascii()
    assert key == unicodedata.normalize("NFD", key)


def test_the_key_is_a_folded_local_part_at_an_a_label() -> None:
    assert email_key("J.Smith@example.com") == "j.smith@example.com"
    assert email_key("Zoë@example.com") == "zoe\u0308@example.com"
    assert email_key("J.Smith@groß.example.com") == "j.smith@xn--gro-7ka.example.com"
    assert email_key("用户@例え.jp") == "用户@xn--r8jz45g.jp"
