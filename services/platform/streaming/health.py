"""What an operator's machines ask a process over HTTP: its metrics, whether it lives, whether it is ready."""

import asyncio
from collections.abc import Callable
from errno import EADDRINUSE
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.platform import metrics
from services.platform.problems import CannotBeginError

REQUEST_SECONDS = 5.0
LONGEST_HEAD = 8 * 1024
PLAIN_TEXT = "text/plain; charset=utf-8"

ANYWHERE = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from other machines; it tells nothing of a case
THIS_MACHINE = "127.0.0.1"

Answer = tuple[HTTPStatus, str, bytes]


class PortTakenError(CannotBeginError):
    """The port for health and metrics is another program's."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"The port {port}, for health and metrics, is in use by another program: "
            "set RELAY_HTTP_PORT to a free one, or leave it out."
        )


class Health:
    """Serve `/metrics`, `/healthz` and `/readyz`, and 404 for anything else. The server shares the event loop with the
    services, so an answer to `/healthz` shows that the loop is alive."""

    def __init__(
        self,
        *,
        why_not_ready: Callable[[], str | None],
        port: int = 0,
        host: str = ANYWHERE,
    ) -> None:
        """`why_not_ready`: what is lacking, in words; None where nothing is. Port 0 takes a free one, which `port` then
        tells."""
        self._why_not_ready = why_not_ready
        self._wanted_port = port
        self._host = host

    async def start(self) -> None:
        """PortTakenError where another program listens there."""
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._wanted_port, limit=LONGEST_HEAD)
        except OSError as problem:
            if problem.errno == EADDRINUSE:
                raise PortTakenError(self._wanted_port) from None
            raise

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = self._answer(head.split(b"\r\n", 1)[0])
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            # Whoever asked has gone, or was no client of ours.
            return
        finally:
            writer.close()

    def _answer(self, request: bytes) -> Answer:
        match request.split(b" "):
            case [b"GET", b"/metrics", _]:
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(metrics.REGISTRY)
            case [b"GET", b"/healthz", _]:
                return HTTPStatus.OK, PLAIN_TEXT, b"yes\n"
            case [b"GET", b"/readyz", _]:
                if lacking := self._why_not_ready():
                    return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN_TEXT, f"no: {lacking}\n".encode()
                return HTTPStatus.OK, PLAIN_TEXT, b"yes\n"
            case [b"GET", _, _]:
                return HTTPStatus.NOT_FOUND, PLAIN_TEXT, b"not found\n"
        return HTTPStatus.METHOD_NOT_ALLOWED, PLAIN_TEXT, b"only GET\n"
