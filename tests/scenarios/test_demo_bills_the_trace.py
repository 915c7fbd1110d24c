"""
The demo from the trace's files to its invoices, compared with an independent computation.

Events are posted to the HTTP API of a running server. The expected invoices are computed by
tests/scenarios/oracle.py, which knows the files and the prices but nothing of the product.
"""

import random
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import cycle

import pytest
import time_machine
from django.db import connection
from django.db.models import QuerySet

from demo import build as demo_build
from demo import logins, trace
from demo.event_sender import Sender
from invoices.models import Invoice, Line
from tests.scenarios import oracle
from tests.simulation_law import assert_simulation_equals_invoices

AT = datetime(2026, 4, 9, 12, 34, 56, tzinfo=UTC)
"""Daylight-saving time starts or ends in both months: in March in New York and Berlin, in April in Sydney."""

SENT = 28_185 + 34  # the trace, and the stray requests
SIZES = (7, 333, 5_000)
TABLES = (
    "billing_event",
    "billing_counter",
    "billing_rollup",
    "billing_unmatchedusage",
    "billing_billedusage",
    "billing_period",
    "invoices_invoice",
    "invoices_line",
    "invoices_invoicetax",
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(live_server, tmp_path):
    """
    Return the API's URL and a key for it. Its clock stays at AT, because usage that is too old or in the future is
    rejected.
    """
    with time_machine.travel(AT, tick=True):
        yield live_server.url, logins.grant(file=tmp_path / "demo.json", at=AT).api_key


def test_every_invoice_equals_the_oracles_and_resending_changes_nothing(api):
    url, api_key = api

    # Ctrl-C in the middle of the first run; the second one continues.
    with pytest.raises(KeyboardInterrupt):
        build(url, api_key, stop_after=9_000)
    built = build(url, api_key)
    assert (built.events.accepted, built.events.duplicate) == (SENT - 9_000, 9_000), built.events
    assert not built.closed.failed

    # The product's invoices equal the oracle's: as many, with the same lines, taxes and totals to the cent.
    expected = oracle.invoices(AT)
    assert len(expected) > 40
    assert len({invoice.customer for invoice in expected}) > 25
    assert by_content_key(as_oracle_invoices(Invoice.objects.all())) == by_content_key(expected)
    assert Invoice.objects.count() == built.closed.issued == len(expected)

    # The whole trace again, shuffled, in batches of other sizes: every event is a duplicate, and no row changes.
    before = checksums()
    events = trace.events(AT)
    random.Random(5).shuffle(events)
    with Sender(url, api_key) as sender:
        *_, tally = sender.send_all(events, sizes=cycle(SIZES))
    assert (tally.duplicate, tally.total) == (SENT, SENT), tally
    assert checksums() == before

    # The simulator computes the same lines from the same usage, and writes nothing.
    assert assert_simulation_equals_invoices(at=AT) > 90
    assert checksums() == before

    # Building the demo again changes nothing.
    assert build(url, api_key).is_nothing
    assert checksums() == before


def build(url: str, api_key: str, *, stop_after: int = 10**9) -> demo_build.Built:
    def interrupt(done: int) -> None:
        if done >= stop_after:
            raise KeyboardInterrupt

    # The oracle knows the trace alone; the history has tests of its own.
    return demo_build.build(
        at=AT, url=url, api_key=api_key, watch=lambda *_: nullcontext(interrupt), with_history=False
    )


def as_oracle_invoices(invoices: QuerySet[Invoice]) -> list[oracle.Invoice]:
    """Return stored invoices as the oracle's classes."""
    related = ("taxes", "lines__fee", "lines__rate", "lines__plan_feature__feature")
    return [
        oracle.Invoice(
            customer=invoice.customer.external_id,
            period=(invoice.period_start, invoice.period_end),
            currency=invoice.currency,
            lines=tuple(
                oracle.Line(name_of(line), Fraction(line.quantity), Fraction(line.amount.amount))
                for line in invoice.lines.all()
            ),
            tax_percent=sum((Fraction(tax.rate) for tax in invoice.taxes.all()), Fraction(0)),
            net=Fraction(invoice.net.amount),
            tax=Fraction(invoice.tax.amount),
            total=Fraction(invoice.total.amount),
        )
        for invoice in invoices.select_related("customer").prefetch_related(*related)
    ]


def name_of(line: Line) -> str:
    named = line.fee or line.rate
    return named.label if named else line.plan_feature.feature.name


def by_content_key(invoices: list[oracle.Invoice]) -> dict[tuple[object, ...], oracle.Invoice]:
    """Return invoices by customer, period and names of lines; the order of lines is not compared."""
    by_content = {}
    for invoice in invoices:
        lines = tuple(sorted(invoice.lines, key=lambda line: line.name))
        by_content[invoice.customer, invoice.period, *(line.name for line in lines)] = replace(invoice, lines=lines)
    assert len(by_content) == len(invoices)
    return by_content


def checksums() -> dict[str, str]:
    checksum_by_table = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*), md5(string_agg(row::text, '|' ORDER BY row::text)) FROM {table} AS row")  # noqa: S608
            checksum_by_table[table] = str(cursor.fetchone())
    return checksum_by_table
