"""
The demo, from the trace's files to its invoices, and then all of it a second time by other means.

What is posted goes through the HTTP API of a running server. What must come out is computed by
tests/scenarios/oracle.py, which knows the files and the prices and nothing of the product.
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
from tests.simulation_law import assert_prices_in_force_come_to_what_was_invoiced

AT = datetime(2026, 4, 9, 12, 34, 56, tzinfo=UTC)
"""Clocks change in both months: in March in New York and Berlin, in April in Sydney."""

SENT = 28_185 + 34  # the trace, and the strays beside it
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
    """The API's URL and a key for it. Its clock stands at AT: usage that is too old or yet to come is refused."""
    with time_machine.travel(AT, tick=True):
        yield live_server.url, logins.grant(file=tmp_path / "demo.json", at=AT).api_key


def test_every_invoice_agrees_with_the_oracle_and_sending_all_again_changes_nothing(api):
    url, api_key = api

    # Ctrl-C in the middle of the first run; the second one goes on where it was.
    with pytest.raises(KeyboardInterrupt):
        build(url, api_key, stop_after=9_000)
    built = build(url, api_key)
    assert (built.events.accepted, built.events.duplicate) == (SENT - 9_000, 9_000), built.events
    assert not built.closed.failed

    # The product's invoices are the oracle's: no one more, no one less, the same lines, taxes and totals to the cent.
    expected = oracle.invoices(AT)
    assert len(expected) > 40
    assert len({invoice.customer for invoice in expected}) > 25
    assert by_what_it_bills(retold(Invoice.objects.all())) == by_what_it_bills(expected)
    assert Invoice.objects.count() == built.closed.issued == len(expected)

    # The whole trace once more, shuffled, in batches of other sizes: every event is known, and no row changes.
    before = checksums()
    events = trace.events(AT)
    random.Random(5).shuffle(events)
    with Sender(url, api_key) as sender:
        *_, tally = sender.send_all(events, sizes=cycle(SIZES))
    assert (tally.duplicate, tally.total) == (SENT, SENT), tally
    assert checksums() == before

    # The simulator comes to the same lines from the same usage, and writes nothing.
    assert assert_prices_in_force_come_to_what_was_invoiced(at=AT) > 90
    assert checksums() == before

    # Building the demo again finds everything done.
    assert build(url, api_key).is_nothing
    assert checksums() == before


def build(url: str, api_key: str, *, stop_after: int = 10**9) -> demo_build.Built:
    def tell(done: int) -> None:
        if done >= stop_after:
            raise KeyboardInterrupt

    return demo_build.build(at=AT, url=url, api_key=api_key, watch=lambda *_: nullcontext(tell))


def retold(invoices: QuerySet[Invoice]) -> list[oracle.Invoice]:
    """Return stored invoices in the oracle's words."""
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


def by_what_it_bills(invoices: list[oracle.Invoice]) -> dict[tuple[object, ...], oracle.Invoice]:
    """Return invoices by customer, period and names of lines; the order of lines is a matter of taste."""
    found = {}
    for invoice in invoices:
        lines = tuple(sorted(invoice.lines, key=lambda line: line.what))
        found[invoice.customer, invoice.period, *(line.what for line in lines)] = replace(invoice, lines=lines)
    assert len(found) == len(invoices)
    return found


def checksums() -> dict[str, str]:
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*), md5(string_agg(row::text, '|' ORDER BY row::text)) FROM {table} AS row")  # noqa: S608
            found[table] = str(cursor.fetchone())
    return found
