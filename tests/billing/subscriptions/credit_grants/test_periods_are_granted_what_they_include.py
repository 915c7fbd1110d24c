"""Credits that a version includes are in the wallet when a period begins, once, and fit what becomes of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing import subscriptions
from billing.models import Period, PeriodGrant
from billing.subscriptions.terms import credit_grants
from billing.subscriptions.terms.credit_grants import grant_due
from billing.tasks import grant_included_credits
from config.schedule import SCHEDULE
from lib.currencies import CREDITS
from tests.builders import (
    FEB,
    JAN,
    MAR,
    included,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    rate,
    subscribe,
)
from tests.builders import publish as publish_version
from tests.docs_tables import rows
from tests.races import together
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger.spend import spend
from wallets.models import Lot, Wallet

pytestmark = pytest.mark.django_db

D, DAY, HOUR = Decimal, timedelta(days=1), timedelta(hours=1)
ELEVENTH = JAN + 10 * DAY


def make_version(*credits, code="", currencies=("USD",), **fields):
    runs = make_feature("runs", meter=make_meter("runs", event_name="run"))
    prices = {CREDITS: [rate(1)]} | {currency: [rate("0.1")] for currency in currencies}
    offers = [offer(runs, prices=prices, consumption="credits")]
    return publish_version(make_plan(code, offers=offers, credits=credits, **fields))


def lots(**conditions) -> list[tuple[str, int]]:
    found = Lot.objects.filter(**conditions).order_by("valid_from", "id")
    return [(f"{one.valid_from:%m-%d}", int(one.remaining)) for one in found]


def go_on(until: datetime) -> None:
    """Let tasks do what they do, day by day."""
    subscriptions.generate_periods(until=until + credit_grants.PERIOD_LEAD_TIME)
    grant_due(at=until)


def test_the_first_period_is_granted_with_the_subscription():
    subscription = subscribe(make_customer(), make_version(included(500)))
    assert lots() == [("01-01", 500)]
    lot = Lot.objects.get()
    assert (lot.kind, lot.is_paid, lot.expires_at, lot.priority) == ("included", False, FEB, 50)
    assert lot.source.startswith(f"period:{subscription.periods.get().pk}:")
    assert lot.wallet.customer == subscription.customer


def test_the_next_one_two_hours_before_it_begins_and_once():
    subscribe(make_customer(), make_version(included(500)))
    go_on(FEB - 2 * HOUR)
    assert lots() == [("01-01", 500)]
    for _ in range(3):
        go_on(FEB - 2 * HOUR + timedelta(seconds=1))
    assert lots() == [("01-01", 500), ("02-01", 500)]
    assert Lot.objects.last().valid_from == FEB


def test_months_of_a_year_come_one_by_one():
    year = make_version(included(100, every="month"), interval="year")
    subscribe(make_customer(), year)
    assert lots() == [("01-01", 100)]
    go_on(FEB)
    go_on(FEB)
    assert lots() == [("01-01", 100), ("02-01", 100)]
    assert PeriodGrant.objects.get().next_at == MAR
    go_on(datetime(2026, 12, 1, tzinfo=UTC))
    assert len(lots()) == 12
    assert PeriodGrant.objects.get().next_at is None


def test_what_a_subscription_starts_with_comes_once():
    subscribe(make_customer(), make_version(included(50, every="once", lasts="ever")))
    go_on(MAR)
    assert lots() == [("01-01", 50)]
    assert (Lot.objects.get().expires_at, Lot.objects.get().source.split(":")[0]) == (None, "starter")


def test_money_is_for_subscriptions_in_its_currency():
    money = [included(5, unit="USD"), included(4, unit="EUR")]
    subscribe(make_customer(), make_version(*money, currencies=("USD", "EUR")))
    assert list(Wallet.objects.values_list("unit", "balance")) == [("USD", 5)]


def test_conditions_are_those_of_the_version():
    rule = included(10, rolls_over=2, rollover_most=D(3), priority=7, features="runs", code="extra")
    subscribe(make_customer(), make_version(rule))
    lot = Lot.objects.get()
    assert (lot.rolls_over, lot.rollover_most, lot.priority) == (2, 3, 7)
    assert lot.rollover_ends == [MAR, datetime(2026, 4, 1, tzinfo=UTC)]
    assert lot.features == [make_feature("runs").pk]


def test_a_past_start_is_granted_all_its_periods():
    subscribe(make_customer(), make_version(included(500)), JAN, at=MAR)
    assert lots() == [("01-01", 500), ("02-01", 500), ("03-01", 500)]


def test_a_start_to_come_is_granted_when_it_comes():
    subscribe(make_customer(), make_version(included(500)), FEB, at=JAN)
    assert lots() == []
    go_on(FEB)
    assert lots() == [("02-01", 500)]


@pytest.mark.parametrize("row", rows("wallets.md", "When a period changes"), ids=str)
def test_what_was_granted_fits_what_becomes_of_the_period(row):
    subscription = subscribe(make_customer(), make_version(included(500), code="old"))
    wallet = Wallet.objects.get()
    if used := D(row["used"]):
        spend(wallet_id=wallet.pk, amount=used, reference="use", at=ELEVENTH - HOUR)
    if row["what"] == "canceled":
        subscriptions.cancel(subscription=subscription, at=ELEVENTH, ends_at=ELEVENTH)
    else:
        others = [included(D(row["to"]))] if row["to"] != "0" else []
        subscriptions.change_plan(subscription=subscription, version=make_version(*others, code="new"), at=ELEVENTH)
    old, *new = Lot.objects.order_by("id")
    assert (old.remaining, old.expires_at) == (D(row["left"]), ELEVENTH), row["why"]
    assert [str(one.amount.normalize()) for one in new] == ([row["new"]] if row["new"] else []), row["why"]
    assert all((one.valid_from, one.expires_at) == (ELEVENTH, FEB) for one in new)
    go_on(ELEVENTH)
    assert Wallet.objects.get().balance == sum(one.remaining for one in (old, *new))


def test_what_a_removed_period_was_granted_is_taken_back():
    subscription = subscribe(make_customer(), make_version(included(500)))
    go_on(FEB - HOUR)
    subscriptions.cancel(subscription=subscription, at=FEB - HOUR, ends_at=FEB)
    assert lots(remaining__gt=0) == [("01-01", 500)]
    assert PeriodGrant.objects.count() == 1 == Period.objects.filter(kind="regular").count()


def test_nothing_rolls_over_when_the_subscription_ends_with_its_period():
    subscription = subscribe(make_customer(), make_version(included(500, rolls_over=1)))
    assert Lot.objects.get().rolls_over == 1
    subscriptions.cancel(subscription=subscription, at=ELEVENTH)
    lot = Lot.objects.get()
    assert (lot.rolls_over, lot.rollover_ends, lot.remaining, lot.expires_at) == (0, [], 500, FEB)


def test_a_period_that_was_moved_without_a_word_is_found_by_the_task():
    subscribe(make_customer(), make_version(included(500)))
    Period.objects.filter(kind="regular").update(ends_at=ELEVENTH, due_at=ELEVENTH, revision=2)
    go_on(JAN)
    assert lots() == [("01-01", 162)]
    go_on(ELEVENTH - HOUR)
    assert lots() == [("01-01", 162), ("01-11", 339)]
    Period.objects.filter(starts_at=ELEVENTH).delete()
    grant_due(at=ELEVENTH - HOUR)
    assert lots() == [("01-01", 162), ("01-11", 0)]


def test_a_trial_is_granted_once_and_its_end_moves_what_it_was_granted():
    version = make_version(included(500), trial_days=14, anchor="anniversary")
    subscription = subscribe(make_customer(), version)
    assert lots() == [("01-01", 500)]
    assert Lot.objects.get().expires_at == JAN + 14 * DAY
    subscriptions.extend_trial(subscription=subscription, ends_at=JAN + 20 * DAY, at=JAN + DAY)
    assert Lot.objects.get().expires_at == JAN + 20 * DAY
    subscriptions.end_trial(subscription=subscription, at=ELEVENTH)
    assert lots() == [("01-01", 500), ("01-11", 500)]
    assert Lot.objects.first().expires_at == ELEVENTH


def test_a_trial_may_have_none():
    subscribe(make_customer(), make_version(included(500, in_trial=False), trial_days=14))
    assert lots() == []


def test_sandbox_is_as_live():
    subscribe(make_customer(sandbox=True), make_version(included(500)))
    assert lots() == [("01-01", 500)]


def test_what_is_granted_pays_a_debt():
    subscribe(make_customer(), make_version(included(500)))
    owing = {"at_zero": AtZeroPolicy.GRACE, "limit": D(50)}
    spend(wallet_id=Wallet.objects.get().pk, amount=D(510), reference="use", at=JAN, **owing)
    go_on(FEB)
    assert Wallet.objects.get().debt == 0
    assert lots() == [("01-01", 0), ("02-01", 490)]


def test_one_that_cannot_be_granted_stops_no_other(monkeypatch, caplog):
    broken, sound = (subscribe(make_customer(), make_version(included(500)), FEB, at=JAN) for _ in range(2))

    def grants_of(due, rules):
        if due.subscription_id == broken.pk:
            raise RuntimeError("no such month")
        return original(due, rules)

    original = credit_grants.grants_for_period
    monkeypatch.setattr(credit_grants, "grants_for_period", grants_of)
    go_on(FEB)
    assert [lot.wallet.customer_id for lot in Lot.objects.select_related("wallet")] == [sound.customer_id]
    assert "no such month" in caplog.text
    monkeypatch.undo()
    go_on(FEB)
    assert len(lots()) == 2


def test_many_periods_take_as_many_statements_as_few(django_assert_max_num_queries):
    version = make_version(included(500), included(5, code="money", unit="USD"))
    for _ in range(10):
        subscribe(make_customer(), version, FEB, at=JAN)
    with django_assert_max_num_queries(30):
        grant_due(at=FEB)
    assert len(lots()) == 20


def test_nothing_is_read_where_no_version_includes_any(django_assert_num_queries):
    subscribe(make_customer(), make_version())
    with django_assert_num_queries(4):  # whether any does, and what removed periods were granted, in a transaction
        grant_due(at=JAN)


def test_chunks_follow_one_another():
    version = make_version(included(500))
    for _ in range(5):
        subscribe(make_customer(), version, FEB, at=JAN)
    assert grant_due(at=FEB, batch_size=2) == 5
    assert len(lots()) == 5


@pytest.mark.django_db(transaction=True)
def test_workers_grant_each_period_once():
    version = make_version(included(500))
    for _ in range(12):
        subscribe(make_customer(), version, FEB, at=JAN)
    together(*[lambda: grant_due(at=FEB, batch_size=3)] * 4)
    grant_due(at=FEB)
    assert lots() == [("02-01", 500)] * 12


def test_the_task_is_asked_for_each_minute():
    entry = SCHEDULE["billing.grant_included_credits"]
    assert (entry["task"], entry["schedule"]) == (grant_included_credits.name, 60)
    assert grant_included_credits() == 0
