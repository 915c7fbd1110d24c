"""The back office's lists with a million rows against a thousand, and the home of finance against an empty page."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from benchmarks import sample_books, scratch_server
from benchmarks.measurement import Outcome, Report, compare
from billing.models import Alert, AlertRule, Period, Subscription, UnmatchedUsage
from customers.models import Customer, Notification
from invoices.models import Invoice, NumberSeries
from wallets.models import Wallet

FEW = 1_000
CALLS = 15
MAX_BYTES = 150_000
"""The most that the first page of a list may have."""

LISTS = (
    "customers/customer",
    "billing/subscription",
    "billing/period",
    "invoices/invoice",
    "wallets/wallet",
    "billing/unmatchedusage",
    "billing/alert",
    "customers/notification",
)

_ISSUED_DAYS_AGO = "mod(n, 700)"


def run(*, rows: int, rounds: int, report: Report) -> list[Outcome]:
    """
    Measure the server's median time for the first page of each list with `rows` rows against `FEW`, the size of
    these pages, and the home of finance against an empty page of the back office.
    """
    with ExitStack() as stack:
        small = _open(stack, FEW, "_small", report)
        large = _open(stack, rows, "_large", report)
        facts: dict[str, Any] = {"more_is_better": False, "rounds": rounds, "report": report}
        outcomes = []
        for name in LISTS:
            address = f"/admin/{name}/"
            outcomes.append(
                compare(
                    partial(large.time, address),
                    partial(small.time, address),
                    name=f"list of {name}",
                    unit="ms",
                    measured=f"the first page with {rows:,} rows",
                    against=f"the same with {FEW:,}",
                    goal=2.0,
                    **facts,
                )
            )
        largest = max(large.size(f"/admin/{name}/") for name in LISTS)
        outcomes.append(
            compare(
                lambda: largest,
                lambda: MAX_BYTES,
                name="largest first page",
                unit="bytes",
                measured="HTML of the largest of these pages",
                against="the most that it may have",
                goal=1.0,
                **facts | {"rounds": 1},
            )
        )
        outcomes.append(
            compare(
                lambda: large.time("/admin/", is_cached=False),
                large.time_empty_page,
                name="home of finance",
                unit="ms",
                measured=f"figures read again, over {rows:,} invoices",
                against="an empty page of the back office",
                goal=10.0,
                **facts,
            )
        )
        return outcomes


class _Office:
    """The back office on one scratch database, as a superuser sees it."""

    def __init__(self, database: str) -> None:
        self._database = database
        self.use()
        self._user = User.objects.create_superuser("benchmark")
        self._client = Client(headers={"host": "localhost"})
        self._client.force_login(self._user)

    def use(self) -> None:
        """Let this process use the database of this office."""
        if connection.settings_dict["NAME"] != self._database:
            connection.close()
            connection.settings_dict["NAME"] = self._database
            cache.clear()

    def time(self, address: str, *, is_cached: bool = True) -> float:
        return self._median(lambda: self._get(address), is_cached=is_cached)

    def size(self, address: str) -> float:
        self.use()
        return len(self._get(address))

    def time_empty_page(self) -> float:
        """Return the time of the frame alone: menu, search and switch, without content."""
        request = RequestFactory().get("/admin/")
        request.user, request.session = self._user, self._client.session
        return self._median(lambda: _empty_page(request), is_cached=True)

    def _get(self, address: str) -> bytes:
        response = self._client.get(address)
        if response.status_code != 200:
            raise RuntimeError(f"{address} answered with {response.status_code}")
        return response.content

    def _median(self, call: Callable[[], object], *, is_cached: bool) -> float:
        """Return the median in milliseconds, after two calls that warm the caches of this process up."""
        self.use()
        times = []
        for number in range(-2, CALLS):
            if not is_cached:
                cache.clear()
            started = time.perf_counter()
            call()
            if number >= 0:
                times.append(time.perf_counter() - started)
        return median(times) * 1e3


def _empty_page(request: HttpRequest) -> None:
    response = TemplateResponse(request, "admin/base_site.html", admin.site.each_context(request))
    response.render()


def _open(stack: ExitStack, rows: int, suffix: str, report: Report) -> _Office:
    stack.enter_context(scratch_server.database(suffix))
    report(f"storing {rows:,} rows of {len(LISTS)} tables …")
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "1000000/60s")
    at = timezone.now()
    with connection.cursor() as cursor:
        # Copies of a complete row need no trigger: each copy is as consistent as the row.
        cursor.execute("SET session_replication_role = replica")
        _store(rows, at)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")
    return _Office(str(connection.settings_dict["NAME"]))


def _store(rows: int, at: datetime) -> None:
    """
    Store one row of each table by the models, and copy it until there are `rows`.

    The ids of copies follow each other, so the n-th copy of a row belongs to the n-th copy of its customer.
    """
    start = (at - timedelta(days=16)).replace(hour=0, minute=0, second=0, microsecond=0)
    version = sample_books.catalog(at)
    sample_books.subscribe(version, first=0, count=1, starts_at=start, ends_at=start + timedelta(days=31))
    customer = Customer.objects.get()
    _copy(
        customer,
        rows,
        external_id="'c' || n",
        legal_name="'Customer ' || n",
        created_at=f"t.created_at - {_ISSUED_DAYS_AGO} * interval '1 day'",
    )
    subscription = Subscription.objects.get()
    _copy(subscription, rows, external_id="'s-c' || n", customer_id="t.customer_id + n")
    _copy(Period.objects.get(), rows, subscription_id="t.subscription_id + n")
    _copy(
        _add_invoice(customer, at),
        rows,
        customer_id="t.customer_id + n",
        reference="'copy-' || n",
        sequence="n + 1",
        number="'B-' || lpad((n + 1)::text, 7, '0')",
        state="CASE mod(n, 20) WHEN 0 THEN 'overdue' WHEN 1 THEN 'issued' ELSE 'paid' END",
        paid="CASE WHEN mod(n, 20) < 2 THEN 0 ELSE t.total END",
        issued_at=f"t.issued_at - {_ISSUED_DAYS_AGO} * interval '1 day'",
        issue_date=f"t.issue_date - {_ISSUED_DAYS_AGO}",
        due_date=f"t.due_date - {_ISSUED_DAYS_AGO}",
        created_at=f"t.created_at - {_ISSUED_DAYS_AGO} * interval '1 day'",
    )
    _copy(Wallet.objects.create(customer=customer), rows, customer_id="t.customer_id + n")
    _copy(
        _add_report(customer, at),
        rows,
        event_key="gen_random_uuid()",
        customer_id="t.customer_id + n",
        sequence="n + 1",
    )
    _copy(
        _add_alert(subscription, at),
        rows,
        customer_id="t.customer_id + n",
        subscription_id="t.subscription_id + n",
        fired_at=f"t.fired_at - {_ISSUED_DAYS_AGO} * interval '1 day'",
    )
    _copy(
        Notification.objects.create(kind="invoice.issued", customer=customer, key="copy-0", created_at=at),
        rows,
        message_id="gen_random_uuid()",
        customer_id="t.customer_id + n",
        key="'copy-' || n",
        created_at=f"t.created_at - {_ISSUED_DAYS_AGO} * interval '1 day'",
    )


def _copy(row: Model, rows: int, **expressions: str) -> None:
    """Copy a row until its table has `rows`; expressions: column → its SQL, with n as the number of the copy."""
    columns = [field.column for field in row._meta.concrete_fields if not field.primary_key and not field.generated]
    cells = ", ".join(expressions.get(column or "", f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {cells} FROM {table} t, generate_series(1, %s) n"  # noqa: S608
            " WHERE t.id = %s",
            [rows - 1, row.pk],
        )


def _add_invoice(customer: Customer, at: datetime) -> Invoice:
    series = NumberSeries.objects.create(seller=customer.seller, code="copies", prefix="B-")
    total = Decimal("119.00")
    return Invoice.objects.create(
        customer=customer,
        seller=customer.seller,
        series=series,
        sequence=1,
        number="B-0000001",
        reference="copy-0",
        state="paid",
        issued_at=at,
        issue_date=at.date(),
        due_date=at.date() + timedelta(days=14),
        period_start=at - timedelta(days=31),
        period_end=at,
        currency="USD",
        net=Decimal("100.00"),
        tax=Decimal("19.00"),
        total=total,
        paid=total,
        seller_facts={"legal_name": customer.seller.legal_name},
        buyer_facts={"legal_name": customer.legal_name},
        created_at=at,
    )


def _add_report(customer: Customer, at: datetime) -> UnmatchedUsage:
    return UnmatchedUsage.objects.create(
        event_key=uuid4(),
        sequence=1,
        occurred_at=at,
        sandbox=False,
        customer=customer,
        customer_ref=customer.external_id,
        event_name="llm.request",
        reason="not_sold",
    )


def _add_alert(subscription: Subscription, at: datetime) -> Alert:
    rule = AlertRule.objects.create(
        kind="spend", customer_id=subscription.customer_id, levels=[80], amount=Decimal(100), currency="USD"
    )
    return Alert.objects.create(
        alert_rule=rule,
        customer_id=subscription.customer_id,
        subscription=subscription,
        since=datetime.combine(date(at.year, at.month, 1), datetime.min.time(), at.tzinfo),
        threshold=80,
        value=Decimal(90),
        limit=Decimal(100),
        unit="USD",
        fired_at=at,
    )
