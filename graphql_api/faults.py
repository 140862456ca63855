"""What any room may raise when MongoDB, or an identity provider, does not do its part."""

# How many seconds later a client should retry. A new primary is elected within seconds, and a
# retry that arrives too early costs little.
RETRY_AFTER_SECONDS = 1


class Unavailable(Exception):
    """A service that a request needs did not answer in time. Nothing was stored, for certain."""


class SettingUp(Unavailable):
    """The collection is being set up, which may take long; `progress` is a sentence for the log."""

    def __init__(self, progress: str) -> None:
        super().__init__(progress)
        self.progress = progress


class OutcomeUnknown(Exception):
    """A customer was sent to MongoDB, and no answer says whether it was stored.

    It may be stored already, or later. Sent again with its idempotency key, it is stored once.
    """
