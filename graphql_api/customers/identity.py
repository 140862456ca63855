"""The identity of a customer: its email address, compared without regard to case."""

import unicodedata

from email_validator import validate_email

from .formats import EMAIL


def email_key(email: str) -> str:
    """The same text for all forms of one valid address that differ only in case.

    The local part is folded for Unicode's canonical caseless match (The Unicode Standard, 3.13,
    D145); the domain becomes its A-label (IDNA 2008, RFC 5890), so that two hosts
    never share a key.
    """
    if email.isascii():
        return email.lower()
    local, _, domain = email.rpartition("@")
    if not domain.isascii():
        domain = validate_email(email, check_deliverability=False).ascii_domain
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", local).casefold())
    return f"{folded}@{domain.lower()}"


def email_key_of(text: str) -> str | None:
    """The key of a text as it was sent, or None if it is not a valid email address.

    The text is normalised as the input of a new customer is.
    """
    email, is_valid = EMAIL.read(text)
    return email_key(email) if is_valid else None
