"""
Advancing a clock processes everything due in order: each invoice at its own time, and later steps see earlier ones.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.models import Period
from billing.simulation.sandbox import CannotAdvance, advance_all, advance_clock, start_advance
from invoices.models import Invoice
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.simulation.sandbox.clock_setup import advance_to, sandboxed, subscribed
from tests.builders import JAN, MAR, make_clock, make_wallet
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def issued(customer) -> list[tuple[str, str]]:
    rows = Invoice.objects.filter(customer=customer).order_by("sequence")
    return [(f"{row.issued_at:%Y-%m-%d %H:%M}", f"{row.number} {row.total.amount:.2f}") for row in rows]


def test_a_year_has_thirteen_invoices_each_at_its_time():
    clock = make_clock(JAN)
    customer = subscribed(clock).customer

    advance_to(clock, datetime(2027, 1, 2, tzinfo=UTC))

    months = [datetime(2026 + month // 12, month % 12 + 1, 1, 1, tzinfo=UTC) for month in range(1, 13)]
    assert issued(customer) == [
        (f"{moment:%Y-%m-%d %H:%M}", f"T{clock.pk}-{place:06d} 31.00")
        for place, moment in enumerate([JAN, *months], start=1)
    ]
    assert (clock.now, clock.state) == (datetime(2027, 1, 2, tzinfo=UTC), "standing")


def test_usage_sent_while_advancing_is_billed_at_the_end_of_its_month():
    clock = make_clock(JAN)
    subscription = subscribed(clock, "acme")
    advance_to(clock, JAN + 3 * DAY)
    used = [
        {"id": f"{n}", "customer": "acme", "event": "calls", "timestamp": f"{clock.now:%FT%TZ}"} for n in range(30)
    ]
    send(*used, sandbox=True, at=clock.now)

    advance_to(clock, MAR)

    assert [total.split()[1] for _, total in issued(subscription.customer)] == ["31.00", "33.00"]


def test_a_stopped_clock_processes_everything_due():
    clock = make_clock(JAN)
    customer = subscribed(clock).customer

    assert advance_all() == 1
    assert issued(customer) == [("2026-01-01 00:00", f"T{clock.pk}-000001 31.00")]
    assert advance_all() == 0, "nothing is due any more"


def test_a_trial_is_over_and_the_first_month_is_charged():
    clock = make_clock(JAN)
    subscription = subscribed(clock, trial_days=14, anchor="anniversary")
    advance_to(clock, JAN + 20 * DAY)

    subscription.refresh_from_db()
    assert subscription.state == "active"
    assert [total.split()[1] for _, total in issued(subscription.customer)] == ["31.00"]


def test_lots_expire():
    clock = make_clock(JAN)
    wallet = make_wallet(sandboxed(clock))
    grant(wallet_id=wallet.pk, grants=[Grant("promotional", Decimal(5), "gift", expires_at=JAN + DAY)], at=JAN)

    advance_to(clock, JAN + DAY)
    assert Lot.objects.get().remaining == 5, "late usage is waited for"
    advance_to(clock, JAN + DAY + HOUR)
    assert Lot.objects.get().remaining == 0


def test_customers_of_another_clock_are_not_advanced():
    clock, other = make_clock(JAN), make_clock(JAN)
    own_subscription, other_subscription = subscribed(clock), subscribed(other)

    advance_to(clock, MAR)

    assert len(issued(own_subscription.customer)) == 2
    assert Period.objects.filter(subscription=other_subscription, state="closed").count() == 0
    advance_to(other, MAR)
    assert [number.split("-")[0] for _, number in issued(other_subscription.customer)] == [f"T{other.pk}"] * 2


def test_it_can_be_interrupted_between_any_two_steps():
    clock = make_clock(JAN)
    customer = subscribed(clock).customer
    start_advance(clock_id=clock.pk, to=MAR, by=None, at=JAN)

    steps = 0
    while advance_clock(clock_id=clock.pk, max_steps=1):
        steps += 1

    clock.refresh_from_db()
    assert (steps, clock.now, len(issued(customer))) == (6, MAR, 2)  # each invoice also falls due


@pytest.mark.parametrize(
    ("to", "why"),
    [(JAN, "Time only moves forward"), (JAN - DAY, "Time only moves forward"), (JAN + 2000 * DAY, "five years")],
)
def test_it_only_advances_and_not_too_far(to, why):
    with pytest.raises(CannotAdvance, match=why):
        start_advance(clock_id=make_clock(JAN).pk, to=to, by=None, at=JAN)


def test_it_has_one_target_at_a_time():
    clock = make_clock(JAN)
    start_advance(clock_id=clock.pk, to=MAR, by=None, at=JAN)
    with pytest.raises(CannotAdvance, match="is advancing to"):
        start_advance(clock_id=clock.pk, to=MAR + DAY, by=None, at=JAN)
