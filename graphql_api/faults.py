"""What any room may raise when MongoDB, or an identity provider, does not do its part."""

from typing import ClassVar


class Fault(Exception):
    """Not the client's fault. Its class says what a client is told."""

    # For programs: `extensions.code` of an error.
    code: ClassVar[str]
    # For people: what happened, and what to do.
    advice: ClassVar[str]


class Unavailable(Fault):
    """A service that a request needs did not answer in time. Nothing was stored, for certain."""

    code = "UNAVAILABLE"
    advice = "The database is unavailable. Nothing was stored; retry in a few seconds."


class SettingUp(Unavailable):
    """The collection is being set up, which may take long; `progress` is a sentence for the log."""

    def __init__(self, progress: str) -> None:
        super().__init__(progress)
        self.progress = progress


class OutcomeUnknown(Fault):
    """A customer was sent to MongoDB, and no answer says whether it was stored.

    It may be stored already, or later. Sent again with its idempotency key, it is stored once.
    """

    code = "OUTCOME_UNKNOWN"
    advice = (
        "The database did not say in time whether the customer was stored. Send the request again "
        "with the same idempotency key, and the customer is stored once. Without a key, send the "
        "same email address again: an EmailTakenError means that a customer with it exists."
    )
