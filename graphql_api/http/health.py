"""The two health checks: the process runs, and the database answers."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..faults import SettingUp, Unavailable


class Health:
    """`/healthz` for whoever restarts processes, `/readyz` for whoever sends requests to them."""

    def __init__(self, ready: Callable[[], Awaitable[None]]) -> None:
        """`ready` raises `Unavailable` unless customers can be created and read."""
        self._ready = ready

    async def healthz(self, _request: Request) -> JSONResponse:
        """200 while the process answers; never asks the database."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> JSONResponse:
        """200 while customers can be created and read, else 503."""
        try:
            await self._ready()
        except SettingUp as error:
            return JSONResponse({"status": "setting up", "progress": error.progress}, 503)
        except Unavailable:
            return JSONResponse({"status": "unavailable"}, 503)
        return JSONResponse({"status": "ok"})
