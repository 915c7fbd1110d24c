"""The way in: one client for a process, or as many as it has keys."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from tollbook_client.connection import Connection, Retries
from tollbook_client.limits import OutboxLimits, RefusedEvent, log_refusal
from tollbook_client.outbox import EXIT_TIMEOUT
from tollbook_client.resources.alerts import Alerts
from tollbook_client.resources.customers import Customers
from tollbook_client.resources.events import Events
from tollbook_client.resources.invoices import CreditNotes, Invoices
from tollbook_client.resources.reservations import Reservations
from tollbook_client.resources.subscriptions import Subscriptions
from tollbook_client.resources.usage import UsageResource
from tollbook_client.resources.wallets import Wallets


class Tollbook:
    """
    A client of one server, by one key. Threads may share it, and it may be made before a process forks.

    timeout: seconds that one try may take. retries: how long a call goes on after failures; events that are recorded
    are tried until they are answered for, by the same waits. outbox: how many events wait, and how long.
    on_refused: told of each recorded event that will never be stored, in the background thread; the log is, if there
    is no other.
    """

    def __init__(
        self,
        key: str,
        base_url: str,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        outbox: OutboxLimits | None = None,
        on_refused: Callable[[RefusedEvent], None] = log_refusal,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        rule = retries or Retries()
        self._connection = Connection(key, base_url, timeout=timeout, retries=rule, transport=transport)
        self.events = Events(self._connection, limits=outbox or OutboxLimits(), on_refused=on_refused, retries=rule)
        self.customers = Customers(self._connection)
        self.subscriptions = Subscriptions(self._connection)
        self.usage = UsageResource(self._connection)
        self.reservations = Reservations(self._connection)
        self.wallets = Wallets(self._connection)
        self.invoices = Invoices(self._connection)
        self.credit_notes = CreditNotes(self._connection)
        self.alerts = Alerts(self._connection)

    def call(self, method: str, path: str, *, query: dict[str, Any] | None = None, **sent: Any) -> Any:
        """
        Return what any address of the API answers, such as `client.call("GET", "/plans/pro")`.

        sent: `body`, and the `idempotency_key` of a POST. For what has no method of its own here.
        """
        return self._connection.json(method, path, query=query, **sent)

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """
        Send what was recorded, then close the connections.

        :raises NotSent: if some of it could not be sent in time; it holds what is left.
        """
        try:
            self.events.close(timeout)
        finally:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
