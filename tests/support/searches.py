"""Which searches find which customers: one table for the words, and for MongoDB."""

from graphql_api.customers.fields import NewCustomer, PhoneNumber, ZipCode
from graphql_api.customers.search import search_words, words_of


def finds(text: str, customer: NewCustomer) -> bool:
    """Whether each word of the search is the beginning of one of the customer's words."""
    words = words_of(customer)
    return all(any(word.startswith(sought) for word in words) for sought in search_words(text))


def named(name: str) -> NewCustomer:
    return NewCustomer(name=name, email="x@y.zz")


def described(description: str) -> NewCustomer:
    return NewCustomer(description=description, email="x@y.zz")


def with_email(email: str) -> NewCustomer:
    return NewCustomer(email=email)


def wide(text: str) -> str:
    """The fullwidth forms of letters of ASCII."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


JOHN = NewCustomer(
    name="John Smith",
    description='The "A-Team" (Berlin), ref. A/12',
    email="j.o'hara+News_2@mail.Example.co.uk",
    zip_code=ZipCode("10469-2345"),
    phone_number=PhoneNumber("5417543010"),
    city="Paris",
)

FOUND = [
    ("Jose", named("José")),
    ("JOSÉ", named("jose")),
    ("jos\N{COMBINING ACUTE ACCENT}", named("Josepha")),
    ("strasse", described("Lange Straße")),
    ("STRASSE", described("Lange Straße")),
    ("straße", described("Strasse 5")),
    ("łodz", described("Łódź 5")),
    (wide("JOHN"), named("John")),
    ("john", described(wide("Johnny"))),
    ("ﬁsh", named("Fisher")),
    ("fish", described("ﬁsh & chips")),
    ("İstanbul", described("istanbul office")),
    ("istanbul", described("İstanbul office")),
    ("ΟΔΥΣΣΕΥΣ", named("Ὀδυσσεύς")),
    ("q̣̈", named("Q̣̈uentin")),
    ("محمد", named("مُحَمَّد علي")),
    ("احمد", named("أحمد")),
    ("علي", named("محمد علي")),
    ("हिन्दी", described("मेरी हिन्दी किताब")),
    ("कि", described("मेरी हिन्दी किताब")),
    ("क\N{DEVANAGARI SIGN VIRAMA}\N{ZERO WIDTH JOINER}ष", named("क्षितिज")),
    ("ﾃﾞｰﾀ", described("データ 株式会社")),
    ("株式", described("データ 株式会社")),
    ("김", named("김민준")),
    ("기", named("김민준")),
    ("10469", JOHN),
    ("10469-23", JOHN),
    ("541", JOHN),
    ("5417543010", JOHN),
    ("smi JOH", JOHN),
    ("jo john", JOHN),
    ('"john', JOHN),
    ("<j.o'hara+news_2@mail.example.co.uk>,", JOHN),
    ("J.O'HARA", JOHN),
    ("j.o'hara+news_2@", JOHN),
    ("o'hara", JOHN),
    ("hara", JOHN),
    ("news", JOHN),
    ("mail.example.co.uk", JOHN),
    ("mail.ex", JOHN),
    ("example", JOHN),
    ("uk", JOHN),
    ("a-team", JOHN),
    ("team", JOHN),
    ("berlin", JOHN),
    ("a/12", JOHN),
    ("12", JOHN),
    ("john\N{NO-BREAK SPACE}smith", JOHN),
    ("john\0smith", JOHN),
    ("\1john", JOHN),
    ("mueller@xn", with_email("mueller@xn--mller-kva.de")),
    ("müller", with_email("Müller@bücher.example")),
    ("bucher", with_email("Müller@bücher.example")),
    ("o'neil", with_email("'o'neil@example.com")),
    ("", JOHN),
    (" \t\u3000", JOHN),
]

NOT_FOUND = [
    ("(", JOHN),
    ("ohn", JOHN),
    ("jack", JOHN),
    ("john jack", JOHN),
    ("2345", JOHN),
    ("754", JOHN),
    ("paris", JOHN),
    ("example.co.uk", JOHN),
    ("hara+news", JOHN),
    # What would find it if a search were a regular expression, or a query of MongoDB.
    *((text, JOHN) for text in (".*", "^john", "[a-z]+", "j+", "joh(n)", "^", "$", ".")),
    *((text, JOHN) for text in ("jo.n", "j.*n", "john|smith", "^j", "john$", "joh?n", "jo[h]n")),
    *((text, JOHN) for text in ("(?i:j)ohn", "\\w", "\\bjohn", "jo{1}hn", "/john/", "\\Qjohn\\E")),
    *((text, JOHN) for text in ('$regex: "john"', "$ne", "\U0010ffff", "john\U0010ffff")),
    ("\ud800", JOHN),
    ("strase", described("Lange Straße")),
]
