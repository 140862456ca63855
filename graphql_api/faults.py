"""Exceptions that every module may raise when MongoDB or an identity provider fails."""

from typing import ClassVar

# How many seconds later a client should retry. A new primary is elected within seconds, and a
# retry that arrives too early costs little.
RETRY_AFTER_SECONDS = 1


class Fault(Exception):
    """A failure that the client did not cause. Its class has the error that the client gets."""

    # The `extensions.code` of the error.
    code: ClassVar[str]
    # The message of the error: what happened, and what to do.
    advice: ClassVar[str]
    # The message for a mutation, if that is another one.
    mutation_advice: ClassVar[str | None] = None


class Unavailable(Fault):
    """A service that a request needs did not answer in time, and nothing was stored or changed."""

    code = "UNAVAILABLE"
    advice = "The database is unavailable. Retry in a few seconds."
    mutation_advice = (
        "The database is unavailable. Nothing was stored or changed; retry in a few seconds."
    )


class SettingUp(Unavailable):
    """The customers' collection is being set up, which can take hours.

    `progress` is a sentence for the log and for health checks.
    """

    def __init__(self, progress: str) -> None:
        super().__init__(progress)
        self.progress = progress


class Misconfigured(Unavailable):
    """The database answers, but cannot store customers until an operator acts.

    The message is a sentence that tells the operator why.
    """


class OutcomeUnknown(Fault):
    """A customer was sent to MongoDB, and it is unknown whether the customer is stored.

    The customer may be stored already, or later. A request that is sent again with the same
    idempotency key stores the customer once.
    """

    code = "OUTCOME_UNKNOWN"
    advice = (
        "The database did not say in time whether the customer was stored. Send the request again "
        "with the same idempotency key, and the customer is stored once. Without a key, send the "
        "same email address again: an EmailTakenError means that a customer with it exists."
    )


class ListUnknown(Fault):
    """A list of customers was sent to MongoDB, and it is unknown which of them are stored.

    A list that is sent again with the same idempotency key stores each customer once.
    """

    code = "OUTCOME_UNKNOWN"
    advice = (
        "The database did not say in time which customers of the list were stored. Send the same "
        "list again with the same idempotency key, and each customer is stored once. Without a "
        "key, an EmailTakenError means that a customer with this email address exists."
    )


class ChangeUnknown(Fault):
    """A change of a customer was sent to MongoDB, and it is unknown whether it is made.

    A removal is a change, too. It may be made already, or later. A request that is sent again finds
    that it is made, or makes it.
    """

    code = "OUTCOME_UNKNOWN"
    advice = (
        "The database did not say in time whether the customer was changed. Send the request "
        "again: a change that was made already is not made twice."
    )
