"""Exceptions that every module may raise when MongoDB or an identity provider fails."""

# How many seconds later a client should retry. A new primary is elected within seconds, and a
# retry that arrives too early costs little.
RETRY_AFTER_SECONDS = 1


class Unavailable(Exception):
    """A service that a request needs did not answer in time, and nothing was stored."""


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


class OutcomeUnknown(Exception):
    """A customer was sent to MongoDB, and it is unknown whether the customer is stored.

    The customer may be stored already, or later. A request that is sent again with the same
    idempotency key stores the customer once.
    """


class ChangeUnknown(Exception):
    """A change of a customer was sent to MongoDB, and it is unknown whether it is made.

    A removal is a change, too. It may be made already, or later. A request that is sent again finds
    that it is made, or makes it.
    """
