"""
The HTTP client for addresses that users enter.

A name is resolved once, all of its addresses must be public, and the connection goes to one of these addresses, so a
later change of the name has no effect. TLS is still verified against the name. Redirects are not followed, the
environment's proxies are not used, and no response is read longer or further than the bounds below.

Source: docs/webhooks.md#destination-addresses; ASVS 5.0 V1.3.6, V13.2.4.
"""

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from django.conf import settings

from customers.notifications.address_guard import is_public

SECONDS = 15.0
"""Maximum time of one exchange, from resolving the name to the last byte read, unless the caller sets another."""

# A receiver that doesn't accept the connection within this time is down; the rest of SECONDS is for its answer.
CONNECT_SECONDS = 5.0
# Only the start of an answer is stored for the operator, so a receiver can't fill the memory or the table.
MAX_READ = 4_096
PORTS = (443, 8443)


class AddressRefused(ValueError):
    """The client doesn't connect to this address; the text gives the reason."""


class Unreachable(Exception):
    """No complete response arrived."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A response; text: the first bytes of its body. retry_after: seconds to wait that the receiver requests."""

    status: int
    text: str
    retry_after: int = 0


def check_address(url: str) -> None:
    """
    Check an address as entered, without resolving its name.

    :raises AddressRefused: if it is not https to one of PORTS, contains a user or a fragment, or is an IP address,
        however written, that is not public; hosts in settings.OUTBOUND_PRIVATE_HOSTS are exempt.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise AddressRefused(f"“{url[:80]}” is not a valid address: {error}.") from error
    # Parsers disagree about spaces and backslashes, so such an address could lead to another host.
    if parts.scheme not in ("https", "http") or not host or set(url) & set(" \t\r\n\\"):
        raise AddressRefused(f"“{url[:80]}” is not a valid address; write it like https://example.com/webhooks.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("Remove the user name from the address: messages are signed.")
    if parts.fragment:
        raise AddressRefused(f"Remove “#{parts.fragment[:40]}”: a fragment is never sent.")
    if _is_private_host(host):
        return
    if parts.scheme != "https":
        raise AddressRefused("Use https, so that messages about your customers are encrypted in transit.")
    if port is not None and port not in PORTS:
        raise AddressRefused(f"Port {port} is not allowed; use {' or '.join(map(str, PORTS))}.")
    for address in _literal_addresses(host):
        _require_public(host, address)


def post(url: str, *, content: bytes, headers: dict[str, str]) -> HttpAnswer:
    """
    Post to an address and return the response, of any status.

    :raises AddressRefused, Unreachable: see `exchange`.
    """
    return exchange("POST", url, content=content, headers=headers)


def exchange(
    method: str,
    url: str,
    *,
    content: bytes | Iterable[bytes] = b"",
    headers: dict[str, str],
    max_read: int = MAX_READ,
    seconds: float | None = None,
) -> HttpAnswer:
    """
    Send a request to an address and return the response, of any status.

    content: the body; one in parts needs a header with its length. max_read: bytes of the body that are read at most.
    seconds: the most that the exchange takes; default: SECONDS.

    :raises AddressRefused: if the address, or one that its name resolves to, is not allowed.
    :raises Unreachable: if no complete response arrived in time.
    """
    check_address(url)
    deadline = monotonic() + (SECONDS if seconds is None else seconds)
    try:
        with (
            httpx.Client(transport=_Transport(deadline), trust_env=False, follow_redirects=False) as client,
            client.stream(
                # Uncompressed, because the first bytes are stored as text.
                method,
                url,
                content=content,
                headers=headers | {"Accept-Encoding": "identity"},
            ) as response,
        ):
            retry_after = _seconds(response.headers.get("Retry-After", ""))
            return HttpAnswer(response.status_code, _beginning(response, max_read), retry_after)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error


def _beginning(response: httpx.Response, max_read: int) -> str:
    """Return the first bytes of a body as text, without waiting for the rest."""
    body = b""
    try:
        for chunk in response.iter_raw(1_024):
            body += chunk
            if len(body) >= max_read:
                break
    except httpx.HTTPError:
        pass  # the status is enough; an incomplete body does not matter
    return body[:max_read].decode(errors="replace").replace("\0", "")


def _seconds(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else 0


def _is_private_host(host: str) -> bool:
    """Return whether the host, as entered, is one of our own network that messages may go to."""
    return host.lower().rstrip(".") in settings.OUTBOUND_PRIVATE_HOSTS


def _literal_addresses(host: str) -> list[str]:
    """Return the address if the host is a spelling of one (127.1, 0x7f000001 …), and nothing for a name."""
    try:
        return _resolve(host, 443, socket.AI_NUMERICHOST)
    except OSError:
        return []


def _resolve(host: str, port: int, flags: int = 0) -> list[str]:
    address_infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(address[0]) for *_, address in address_infos))


def _require_public(host: str, address: str) -> None:
    if not is_public(address):
        verb = "is" if host == address else "leads to"
        raise AddressRefused(f"{host} {verb} {address}, which is not an address of the public internet.")


class _Transport(httpx.HTTPTransport):
    """httpx's transport with our own connections, for which it has no public argument."""

    def __init__(self, deadline: float) -> None:
        self._pool = httpcore.ConnectionPool(ssl_context=_tls(), network_backend=_PublicBackend(deadline))


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class _PublicBackend(httpcore.NetworkBackend):
    """Connects only to public addresses, and not after the deadline."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *_: Any, **options: Any) -> httpcore.NetworkStream:
        """
        Resolve the name and connect to the first of its addresses that answers.

        :raises AddressRefused: if any of its addresses is not public.
        """
        try:
            addresses = _resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} can't be resolved: {error}") from error
        if not _is_private_host(host):
            for address in addresses:
                _require_public(host, address)
        failure: Exception = httpcore.ConnectError(f"{host} has no IP address")
        for address in addresses:
            try:
                options["timeout"] = min(CONNECT_SECONDS, _seconds_left(self._deadline))
                return _DeadlineStream(self._backend.connect_tcp(address, port, **options), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise AddressRefused("A local socket is not a valid address.")

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError("This client never retries; its caller does.")


class _DeadlineStream(httpcore.NetworkStream):
    """A connection that ends at the deadline, however slowly the receiver sends."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _seconds_left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _seconds_left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout_left = _seconds_left(self._deadline)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, timeout_left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _seconds_left(deadline: float, too_late: type[Exception] = httpcore.ConnectTimeout) -> float:
    seconds_left = deadline - monotonic()
    if seconds_left <= 0:
        raise too_late("no complete response in time")
    return seconds_left
