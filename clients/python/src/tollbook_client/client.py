"""The client object: one per process and API key."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from tollbook_client.connection import Connection, Retries
from tollbook_client.limits import OutboxLimits, RefusedEvent, log_refusal
from tollbook_client.outbox import EXIT_TIMEOUT
from tollbook_client.resources.accounting_files import AccountingFiles
from tollbook_client.resources.alerts import Alerts
from tollbook_client.resources.customers import Customers
from tollbook_client.resources.events import Events
from tollbook_client.resources.invoices import CreditNotes, Invoices
from tollbook_client.resources.month_end import MonthEnd
from tollbook_client.resources.reservations import Reservations
from tollbook_client.resources.revenue import Revenue
from tollbook_client.resources.sellers import Sellers
from tollbook_client.resources.subscriptions import Subscriptions
from tollbook_client.resources.usage import UsageResource
from tollbook_client.resources.wallets import Wallets


class Tollbook:
    """
    A client of one server with one key. Threads may share it, and it may be created before a process forks.

    timeout: seconds of one try. retries: how long a call retries after failures; recorded events are retried until
        the server answers, with the same waits. outbox: limits of the events that wait.
    on_refused: called in the background thread for each recorded event that will never be stored; logs it by default.
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
        retry_rule = retries or Retries()
        self._connection = Connection(key, base_url, timeout=timeout, retries=retry_rule, transport=transport)
        self.events = Events(
            self._connection, limits=outbox or OutboxLimits(), on_refused=on_refused, retries=retry_rule
        )
        self.customers = Customers(self._connection)
        self.sellers = Sellers(self._connection)
        self.subscriptions = Subscriptions(self._connection)
        self.usage = UsageResource(self._connection)
        self.reservations = Reservations(self._connection)
        self.wallets = Wallets(self._connection)
        self.invoices = Invoices(self._connection)
        self.credit_notes = CreditNotes(self._connection)
        self.alerts = Alerts(self._connection)
        self.accounting_files = AccountingFiles(self._connection)
        self.revenue = Revenue(self._connection)
        self.month_end = MonthEnd(self._connection)

    def call(self, method: str, path: str, *, query: dict[str, Any] | None = None, **arguments: Any) -> Any:
        """
        Return the response of any URL of the API, such as `client.call("GET", "/plans/pro")`, for operations without
        a method here.

        arguments: `body`, and the `idempotency_key` of a POST.
        """
        return self._connection.json(method, path, query=query, **arguments)

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """
        Send the recorded events, then close the connections.

        :raises NotSent: if some could not be sent in time; the error holds them.
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
