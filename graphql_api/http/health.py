"""The two health checks: whether the process runs, and whether the database answers."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..faults import SettingUp, Unavailable


class Health:
    """`/healthz` shows when a process must be restarted, `/readyz` when it can serve requests.

    Both answer with a JSON object that has a `status`.
    """

    def __init__(self, ready: Callable[[], Awaitable[None]]) -> None:
        """`ready` raises `Unavailable` unless customers can be created and read."""
        self._ready = ready

    async def healthz(self, _request: Request) -> JSONResponse:
        """200 while the process runs; it does not ask the database."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> JSONResponse:
        """200 while customers can be created and read, and 503 otherwise."""
        try:
            await self._ready()
        except SettingUp as error:
            return JSONResponse({"status": "setting up", "progress": error.progress}, 503)
        except Unavailable:
            return JSONResponse({"status": "unavailable"}, 503)
        return JSONResponse({"status": "ok"})
