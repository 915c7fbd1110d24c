"""
Finance simulates a year of a customer from the admin: clones them, and advances the clone's clock.

Acme is on Starter: $30 a month, 100 included calls, $0.10 for each further one. Pro is $90, Assist $14 after a trial
of two weeks.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from billing.closing import close_due
from billing.models import Clone, Subscription
from billing.simulation.sandbox import advance_all
from customers.models import Customer, TestClock
from invoices.models import Invoice
from plans.models import PlanVersion
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_customer,
    make_pack,
    make_plan,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import TopUp, TopUpRule, Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
TODAY = MAR + timedelta(hours=12)


@pytest.fixture
def finance() -> Client:
    User.objects.create_superuser("fina")
    return sign_in()


def sign_in() -> Client:
    client = Client()
    client.force_login(User.objects.get(username="fina"))
    return client


@pytest.fixture
def acme() -> Customer:
    """Create a live customer with two months of usage: 130 calls in January, 100 in February."""
    calls = offer("calls", included=100, rates=[rate("0.10")])
    starter = publish(make_plan("starter", fees=[fee("30")], offers=[calls]))
    publish(make_plan("pro", fees=[fee("90")], offers=[{**calls, "included": 1000}]))
    publish(make_plan("assist", fees=[fee("14")], anchor="anniversary", trial_days=14))
    customer = make_customer("acme", legal_name="Acme Ltd")
    subscribe(customer, starter, JAN, external_id="acme-1")
    for count, day in ((130, "01-10"), (100, "02-03")):
        call = {"customer": "acme", "event": "calls", "timestamp": f"2026-{day}T09:00:00Z"}
        send(*({"id": f"{day}-{n}", **call} for n in range(count)), at=FEB)
    close_due(at=TODAY)
    return customer


def advance(finance: Client, clock: TestClock, day: str, hour: int = 2) -> None:
    """Request an advance on the clock's page, and let a worker do it."""
    finance.post(f"/admin/customers/testclock/{clock.pk}/advance/", {"to_0": day, "to_1": f"{hour:02}:00:00"})
    advance_all()
    clock.refresh_from_db()
    assert (clock.state, f"{clock.now:%Y-%m-%d %H}") == ("standing", f"{day} {hour:02}"), clock.failure


def confirm(finance: Client, subscription: Subscription, page: str, typed: dict) -> str:
    """Preview a change, and confirm it."""
    url = f"/admin/billing/subscription/{subscription.pk}/{page}/"
    preview = finance.post(url, typed).content.decode()
    finance.post(url, {**typed, "seen": re.search(r'name="seen" value="([^"]*)"', preview)[1]})
    subscription.refresh_from_db()
    return preview


def change_plan(finance: Client, subscription: Subscription, plan: str, when: str) -> str:
    version = PlanVersion.objects.get(plan__code=plan)
    return confirm(finance, subscription, "change_plan", {"version": version.pk, "when": when})


def give(wallet: Wallet, units: int, reference: str, *, at: datetime) -> None:
    gift = Grant("promotional", Decimal(units), reference, expires_at=datetime(2026, 4, 1, tzinfo=UTC))
    grant(wallet_id=wallet.pk, grants=[gift], at=at)


def invoice_summaries(customer: Customer) -> list[str]:
    invoices = Invoice.objects.filter(customer=customer, kind="invoice").order_by("issued_at", "sequence")
    return [f"{invoice.issued_at:%y-%m-%d %H:%M} {invoice.total.amount:.2f}" for invoice in invoices]


def test_from_the_clone_to_the_next_year(finance, acme):
    # Finance clones Acme as of two months ago. Acme itself is not changed from here on.
    with time_machine.travel(TODAY, tick=False):
        # With a session of its own, which ends before the present.
        clone_form = {"periods": "2", "then": "stands"}
        answer = sign_in().post(f"/admin/customers/customer/{acme.pk}/clone/", clone_form, follow=True)
    page = answer.content.decode()
    assert "is cloned as sandbox customer “acme”" in page
    tried = Clone.objects.get().customer
    clock, subscription = tried.test_clock, tried.subscriptions.get()
    before = invoice_summaries(acme)

    # January is replayed: the fee, and 30 calls beyond the included ones, as on Acme's own invoice.
    advance(finance, clock, "2026-02-01")
    assert invoice_summaries(tried) == ["26-01-01 00:00 30.00", "26-02-01 01:00 33.00"]

    # She tries Assist, free for two weeks from then on.
    version = PlanVersion.objects.get(plan__code="assist")
    arguments = {"version": version.pk, "currency": "USD", "starts_at_0": "2026-02-01", "starts_at_1": "02:00:00"}
    finance.post(f"/admin/customers/customer/{tried.pk}/subscribe/", arguments)
    assist = tried.subscriptions.get(version=version)
    assert (assist.state, f"{assist.trial_ends_at:%m-%d %H}") == ("trialing", "02-15 02")

    # In the middle of February she upgrades: half of $30 is credited, half of $90 charged; all 100 calls so far were
    # included.
    advance(finance, clock, "2026-02-15", hour=0)
    assert "$30.00" in change_plan(finance, subscription, "pro", "now")
    advance(finance, clock, "2026-03-01")
    assist.refresh_from_db()
    assert assist.state == "active"
    assert invoice_summaries(tried)[2:] == ["26-02-15 01:00 30.00", "26-02-15 03:00 14.00", "26-03-01 01:00 90.00"]

    # Automatic top-ups: 100 credits for $10 below 20, paid by the sandbox; and some promotional ones, until April.
    wallet = make_wallet(tried, name="Credits")
    give(wallet, 5, "gift", at=clock.now)
    pack = make_pack("hundred", prices={"USD": 10})
    rule = {
        "wallet": wallet.pk,
        "is_on": "on",
        "threshold": "20",
        "pack": pack.pk,
        "basis": "balance",
        "payer": "sandbox",
    }
    rule |= {"cooldown": "0:00:00", "most_declines": "3", "ceilings-TOTAL_FORMS": "0", "ceilings-INITIAL_FORMS": "0"}
    finance.post("/admin/wallets/topuprule/add/", rule)
    assert TopUpRule.objects.get().payer == "sandbox"
    advance(finance, clock, "2026-03-10")
    spend(wallet_id=wallet.pk, amount=Decimal(90), reference="use", at=clock.now)
    give(wallet, 3, "another gift", at=clock.now)

    # At the end of March she downgrades, and the promotional credits expire after the grace period for late usage.
    change_plan(finance, subscription, "starter", "period")
    advance(finance, clock, "2026-04-01", hour=0)
    wallet.refresh_from_db()
    assert (wallet.balance, TopUp.objects.filter(state="paid").count()) == (118, 2)
    advance(finance, clock, "2026-05-01")
    wallet.refresh_from_db()
    assert wallet.balance == 115, "5 of the 90 were the gift, which went first; 3 were not used by April"
    assert -wallet.transactions.get(kind="expire").units == 3
    assert invoice_summaries(tried)[5:] == [
        "26-03-01 02:00 10.00",
        "26-03-10 02:00 10.00",
        "26-03-15 03:00 14.00",
        "26-04-01 01:00 30.00",
        "26-04-15 03:00 14.00",
        "26-05-01 01:00 30.00",
    ]

    # In the middle of June she pauses for the summer: half of June's fee is credited.
    advance(finance, clock, "2026-06-16", hour=0)
    pause = {"when": "now", "ends_at_0": "2026-09-01", "ends_at_1": "00:00:00", "give_back": "credit"}
    assert "$15.00" in confirm(finance, subscription, "pause", pause)
    assert subscription.state == "paused"
    advance(finance, clock, "2026-09-01")
    subscription.refresh_from_db()
    assert subscription.state == "active"
    note = Invoice.objects.get(customer=tried, kind="credit_note")
    assert (f"{note.issued_at:%m-%d %H:%M}", note.number) == ("06-16 01:00", f"TC{clock.pk}-000001")
    assert abs(note.total.amount) == 15

    # The rest of the year passes: each month is invoiced.
    advance(finance, clock, "2027-01-01")
    rest = invoice_summaries(tried)[11:]
    assert [entry for entry in rest if entry.endswith(" 14.00")] == [
        f"26-{month:02}-15 03:00 14.00" for month in range(5, 13)
    ]
    assert [entry for entry in rest if entry.endswith(" 30.00")] == [
        *("26-06-01 01:00 30.00", "26-09-01 00:00 30.00", "26-10-01 01:00 30.00"),
        *("26-11-01 01:00 30.00", "26-12-01 01:00 30.00", "27-01-01 01:00 30.00"),
    ]
    assert len(rest) == 14

    # All invoices are dated by the clock, and none of them is Acme's.
    invoices = Invoice.objects.filter(customer=tried, kind="invoice").order_by("sequence")
    assert [invoice.number for invoice in invoices] == [f"T{clock.pk}-{place:06}" for place in range(1, 26)]
    assert invoice_summaries(acme) == before
    assert not Wallet.objects.filter(customer=acme).exists()
