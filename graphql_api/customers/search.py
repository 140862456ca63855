"""What a search looks for, and the words of a customer that it can find.

A search finds a customer if each word of the search is the beginning of a word of the customer,
compared without regard to case, width and accents.
"""

import re
import unicodedata
from collections.abc import Iterable

from .fields import NewCustomer

# The punctuation around a word that people paste, such as `<john@example.com>,`.
_AROUND = "\"'()<>[]{},;:"
# The separators of the labels of local parts (RFC 5321, 4.1.2, and `+` by custom) and of domains.
_SEPARATORS = re.compile("[.+_@-]+")
# The joiners between the letters of some scripts; they change only how letters look.
_JOINERS = "\u200c\u200d"
_CONTROLS = re.compile("[\0-\x1f\x7f]")

# The beginning of a label of a domain in ASCII that has other characters (RFC 5890).
_A_LABEL = "xn--"

# Most customers have only texts of this kind. Their words are found faster, and a test compares
# the two ways.
_PLAIN = re.compile("[a-z0-9 .+_@-]+")
_PLAIN_PARTS = re.compile("[a-z0-9]+")


def folded(text: str) -> str:
    """The text without regard to case, width and accents: what orders, searches and filters read.

    Compatibility decomposition (The Unicode Standard, NFKD) and full case folding, without the
    characters that combine with another one, such as accents, or join two.
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c) and c not in _JOINERS)


def search_words(text: str) -> list[str]:
    """The folded words of a search, in their order. A blank search has none.

    Control characters count as white space. Lone surrogates, which no customer has, become `?`. A
    search of nothing but the punctuation around words has one word, which no customer has.
    """
    valid = _CONTROLS.sub(" ", text).encode("utf-8", "replace").decode()
    words = [_with_unicode_domain(word) for word in _chunks(folded(valid))]
    return words or valid.split()[:1]


def _with_unicode_domain(word: str) -> str:
    """The folded word with each A-label (RFC 5890) as a U-label, as domains are stored."""
    if _A_LABEL not in word:
        return word
    local, at, domain = word.rpartition("@")
    return f"{local}{at}{'.'.join(map(_unicode_label, domain.split('.')))}"


def _unicode_label(label: str) -> str:
    if not label.startswith(_A_LABEL):
        return label
    encoded = label.removeprefix(_A_LABEL)
    try:
        decoded = encoded.encode("ascii").decode("punycode")
        # Otherwise MongoDB would refuse a lone surrogate.
        decoded.encode("utf-8")
    except UnicodeError:
        return label
    return label if decoded.isascii() else folded(decoded)


def words_of(customer: NewCustomer) -> list[str]:
    """The folded words that a search finds a customer by. No word is the beginning of another.

    They are the words of the name and of the description; the email address, its local part, its
    domain and the labels of both; the phone number; and the ZIP code.
    """
    text = folded(f"{customer.name or ''} {customer.description or ''} {customer.email}")
    # The last `@` is the email address's own. The whole address begins with its local part.
    words = {text[text.rindex("@") + 1 :]}
    if _PLAIN.fullmatch(text):
        words.update(text.split(), _PLAIN_PARTS.findall(text))
    else:
        labels = _SEPARATORS.sub(" ", folded(customer.email))
        words.update(_chunks(text), _parts(text), _chunks(labels))
    if customer.phone_number is not None:
        words.add(customer.phone_number)
    if customer.zip_code is not None:
        words.add(customer.zip_code)
    return longest(words)


def longest(words: Iterable[str]) -> list[str]:
    """The words without those that are the beginning of another, in descending order.

    A search compares beginnings, so the longer word finds what the shorter one finds.
    """
    found: list[str] = []
    last = ""
    # The words that begin with a word follow it in order, or precede it in descending order.
    for word in sorted(words, reverse=True):
        if not last.startswith(word):
            found.append(word)
            last = word
    return found


def _chunks(text: str) -> list[str]:
    """What white space separates, without the punctuation around it."""
    return [word for chunk in text.split() if (word := chunk.strip(_AROUND))]


def _parts(text: str) -> list[str]:
    """The runs of letters, marks and numerals."""
    return "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in text).split()
