"""A worker killed anywhere in a close leaves nothing behind: the next one starts over, and numbers have no gap."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from billing.closing import close_due
from billing.models import BilledUsage, Period
from invoices.models import Invoice, InvoiceTax, Line, NumberSeries, Section
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.killed_processes import kill_at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)
SIZE = 9

PLACES = [
    "close.claimed",
    "close.after_reads",
    "close.after_lines",
    "close.after_snapshots",
    "issue.before_numbers",
    "issue.after_numbers",
    "close.before_commit",
    "close.after_commit",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_close_starts_over(place: str, tmp_path: Path):
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("5", billed="arrears")], offers=offers))
    for number in range(SIZE):
        customer = make_customer(one_document=not number)
        use(subscribe(customer, version), "api.calls", 100 + number)
        if customer.one_document:
            use(subscribe(customer, version, named=True), "api.calls", 7)

    kill_at(place, lambda: call_command("close_periods", "--at", AT.isoformat()), tmp_path)

    is_done = place == "close.after_commit"
    assert Invoice.objects.count() == (SIZE if is_done else 0)
    assert {model.objects.exists() for model in (Line, InvoiceTax, Section, BilledUsage)} == {is_done}
    done = close_due(at=AT)
    assert (done.issued, done.failed) == (0 if is_done else SIZE, [])
    assert list(Invoice.objects.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, SIZE + 1))
    assert NumberSeries.objects.get().last_number == SIZE
    assert Period.objects.filter(starts_at=JAN, state="closed", invoice__isnull=False).count() == SIZE + 1
