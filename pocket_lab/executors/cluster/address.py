"""The address of a scheduler of Dask, and how it is reached: one sentence, within seconds, where it cannot be."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.cluster.cluster import SHORT_LOGS, import_distributed

_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):(\d{1,5})")
_CONNECT_S = 1.0
_HANDSHAKE_S = 1.0
_IDENTITY_S = 2.0
_CLIENT_S = 3.0
_EXAMPLE = "write for example tcp://host:8786"


def is_address(executor: str) -> bool:
    """Whether the text is meant as an address and not as the name of an executor."""
    return "://" in executor


def parse_address(address: str) -> str:
    """The address, checked; raises a UsageError that says what is wrong with it."""
    found = _ADDRESS.fullmatch(address.strip())
    if found is None or not 0 < int(found[3]) < 65536:
        raise UsageError(f"executor {address!r} is no address of a scheduler of Dask: {_EXAMPLE}, or tls://host:8786")
    return address.strip()


async def connect(address: str) -> Any:
    """A client of the scheduler; raises a UsageError that says what answers instead, or that nothing does."""
    distributed = import_distributed()
    import dask.config

    security = distributed.Security()
    if address.startswith("tls:"):
        _refuse_without_certificates(address, security)
    await _knock(address)
    arguments = security.get_connection_args("client")
    identity = await _identity(address, arguments)
    if identity.get("type") != "Scheduler":
        kind = str(identity.get("type", "server")).lower()
        of = f", whose scheduler is at {identity['scheduler']}" if identity.get("scheduler") else ""
        raise UsageError(f"executor {address!r} is the address of a {kind}{of}: give the address of the scheduler")
    options = {"asynchronous": True, "set_as_default": False, "direct_to_workers": True, "security": security}
    try:
        with dask.config.set(SHORT_LOGS):
            return await distributed.Client(address, timeout=_CLIENT_S, **options)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"executor {address!r}: the scheduler does not accept this client ({_first_line(error)})") from error


async def is_reachable(address: str) -> bool:
    """Whether its machine accepts a connection: it does without the process's help, which may be busy."""
    try:
        _, writer = await _opened(address)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _opened(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.partition("://")[2].rpartition(":")
    return await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), _CONNECT_S)


def _refuse_without_certificates(address: str, security: Any) -> None:
    if security.tls_ca_file is None or security.tls_client_cert is None:
        raise UsageError(
            f"executor {address!r} needs certificates: set distributed.comm.tls.ca-file, client.cert and client.key in Dask's "
            "configuration (DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ...__CLIENT__CERT and ...__CLIENT__KEY)"
        )


async def _knock(address: str) -> None:
    """Connect without Dask, which would try for 30 seconds, and see whether a scheduler can be there.

    One without TLS speaks first.
    """
    try:
        reader, writer = await _opened(address)
    except TimeoutError as error:
        raise UsageError(f"executor {address!r} does not answer within {_CONNECT_S:g} s: check the host") from error
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"executor {address!r} cannot be reached ({reason}): check that a scheduler runs there") from error
    try:
        if address.startswith("tcp:"):
            await asyncio.wait_for(reader.readexactly(8), _HANDSHAKE_S)
    except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        what = "an HTTP server" if await _speaks_http(address) else "silent"
        hint = "(a scheduler says its own address when it starts; it wants tls:// if it has certificates)"
        raise UsageError(f"executor {address!r} is {what}, and no scheduler of Dask: check the port {hint}") from error
    finally:
        writer.close()


async def _speaks_http(address: str) -> bool:
    try:
        reader, writer = await _opened(address)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(5), _HANDSHAKE_S)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return answer == b"HTTP/"


async def _identity(address: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from distributed.core import connect as open_comm

    try:
        comm = await open_comm(address, timeout=_IDENTITY_S, **arguments)
        try:
            await comm.write({"op": "identity", "reply": True})
            answer = await asyncio.wait_for(comm.read(), _IDENTITY_S)
        finally:
            comm.abort()
    except (OSError, TimeoutError, ssl.SSLError, ValueError, MemoryError) as error:
        cause = error.__cause__ or error
        raise UsageError(f"executor {address!r} does not answer as a scheduler of Dask ({_first_line(cause)})") from error
    return answer if isinstance(answer, dict) else {}


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
