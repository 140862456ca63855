"""The program. Ctrl-C also ends it silently during the first second, in which Python imports it."""

import os
import signal
import sys

__all__ = ["main"]

_before = signal.getsignal(signal.SIGINT)
# A shell lets the programs that it starts in the background ignore Ctrl-C.
if _before is signal.default_int_handler:
    # Nothing is open yet that must be closed.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from .command_line import main  # noqa: E402  # imports all other modules

if _before is signal.default_int_handler:
    signal.signal(signal.SIGINT, _before)

if __name__ == "__main__":
    sys.exit(main())
