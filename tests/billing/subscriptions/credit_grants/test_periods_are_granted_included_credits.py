"""Credits included in a version are granted once when a period starts, and adjusted when the period changes."""

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
    lots_ = Lot.objects.filter(**conditions).order_by("valid_from", "id")
    return [(f"{lot.valid_from:%m-%d}", int(lot.remaining)) for lot in lots_]


def pass_time(until: datetime) -> None:
    """Run the periodic tasks, day by day."""
    subscriptions.generate_periods(until=until + credit_grants.PERIOD_LEAD_TIME)
    grant_due(at=until)


def test_the_first_period_is_granted_with_the_subscription():
    subscription = subscribe(make_customer(), make_version(included(500)))
    assert lots() == [("01-01", 500)]
    lot = Lot.objects.get()
    assert (lot.kind, lot.is_paid, lot.expires_at, lot.priority) == ("included", False, FEB, 50)
    assert lot.source.startswith(f"period:{subscription.periods.get().pk}:")
    assert lot.wallet.customer == subscription.customer


def test_the_next_period_is_granted_once_two_hours_before_its_start():
    subscribe(make_customer(), make_version(included(500)))
    pass_time(FEB - 2 * HOUR)
    assert lots() == [("01-01", 500)]
    for _ in range(3):
        pass_time(FEB - 2 * HOUR + timedelta(seconds=1))
    assert lots() == [("01-01", 500), ("02-01", 500)]
    assert Lot.objects.last().valid_from == FEB


def test_monthly_credits_of_a_year_are_granted_one_by_one():
    year = make_version(included(100, every="month"), interval="year")
    subscribe(make_customer(), year)
    assert lots() == [("01-01", 100)]
    pass_time(FEB)
    pass_time(FEB)
    assert lots() == [("01-01", 100), ("02-01", 100)]
    assert PeriodGrant.objects.get().next_at == MAR
    pass_time(datetime(2026, 12, 1, tzinfo=UTC))
    assert len(lots()) == 12
    assert PeriodGrant.objects.get().next_at is None


def test_one_time_credits_are_granted_once():
    subscribe(make_customer(), make_version(included(50, every="once", lasts="ever")))
    pass_time(MAR)
    assert lots() == [("01-01", 50)]
    assert (Lot.objects.get().expires_at, Lot.objects.get().source.split(":")[0]) == (None, "starter")


def test_included_money_is_granted_in_the_subscriptions_currency():
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


def test_a_past_start_grants_all_its_periods():
    subscribe(make_customer(), make_version(included(500)), JAN, at=MAR)
    assert lots() == [("01-01", 500), ("02-01", 500), ("03-01", 500)]


def test_a_future_start_is_granted_when_it_arrives():
    subscribe(make_customer(), make_version(included(500)), FEB, at=JAN)
    assert lots() == []
    pass_time(FEB)
    assert lots() == [("02-01", 500)]


@pytest.mark.parametrize("row", rows("wallets.md", "Changes of a period"), ids=str)
def test_a_grant_is_adjusted_to_the_changed_period(row):
    subscription = subscribe(make_customer(), make_version(included(500), code="old"))
    wallet = Wallet.objects.get()
    if used := D(row["used"]):
        spend(wallet_id=wallet.pk, amount=used, reference="use", at=ELEVENTH - HOUR)
    if row["change"] == "canceled":
        subscriptions.cancel(subscription=subscription, at=ELEVENTH, ends_at=ELEVENTH)
    else:
        others = [included(D(row["to"]))] if row["to"] != "0" else []
        subscriptions.change_plan(subscription=subscription, version=make_version(*others, code="new"), at=ELEVENTH)
    old, *new = Lot.objects.order_by("id")
    assert (old.remaining, old.expires_at) == (D(row["left"]), ELEVENTH), row["why"]
    assert [str(lot.amount.normalize()) for lot in new] == ([row["new"]] if row["new"] else []), row["why"]
    assert all((lot.valid_from, lot.expires_at) == (ELEVENTH, FEB) for lot in new)
    pass_time(ELEVENTH)
    assert Wallet.objects.get().balance == sum(lot.remaining for lot in (old, *new))


def test_the_grant_of_a_removed_period_is_voided():
    subscription = subscribe(make_customer(), make_version(included(500)))
    pass_time(FEB - HOUR)
    subscriptions.cancel(subscription=subscription, at=FEB - HOUR, ends_at=FEB)
    assert lots(remaining__gt=0) == [("01-01", 500)]
    assert PeriodGrant.objects.count() == 1 == Period.objects.filter(kind="regular").count()


def test_nothing_rolls_over_when_the_subscription_ends_with_its_period():
    subscription = subscribe(make_customer(), make_version(included(500, rolls_over=1)))
    assert Lot.objects.get().rolls_over == 1
    subscriptions.cancel(subscription=subscription, at=ELEVENTH)
    lot = Lot.objects.get()
    assert (lot.rolls_over, lot.rollover_ends, lot.remaining, lot.expires_at) == (0, [], 500, FEB)


def test_the_task_finds_a_period_changed_without_a_call():
    subscribe(make_customer(), make_version(included(500)))
    Period.objects.filter(kind="regular").update(ends_at=ELEVENTH, due_at=ELEVENTH, revision=2)
    pass_time(JAN)
    assert lots() == [("01-01", 162)]
    pass_time(ELEVENTH - HOUR)
    assert lots() == [("01-01", 162), ("01-11", 339)]
    Period.objects.filter(starts_at=ELEVENTH).delete()
    grant_due(at=ELEVENTH - HOUR)
    assert lots() == [("01-01", 162), ("01-11", 0)]


def test_a_trial_is_granted_once_and_its_grant_follows_its_end():
    version = make_version(included(500), trial_days=14, anchor="anniversary")
    subscription = subscribe(make_customer(), version)
    assert lots() == [("01-01", 500)]
    assert Lot.objects.get().expires_at == JAN + 14 * DAY
    subscriptions.extend_trial(subscription=subscription, ends_at=JAN + 20 * DAY, at=JAN + DAY)
    assert Lot.objects.get().expires_at == JAN + 20 * DAY
    subscriptions.end_trial(subscription=subscription, at=ELEVENTH)
    assert lots() == [("01-01", 500), ("01-11", 500)]
    assert Lot.objects.first().expires_at == ELEVENTH


def test_a_trial_can_exclude_credits():
    subscribe(make_customer(), make_version(included(500, in_trial=False), trial_days=14))
    assert lots() == []


def test_sandbox_customers_are_granted_like_live_ones():
    subscribe(make_customer(sandbox=True), make_version(included(500)))
    assert lots() == [("01-01", 500)]


def test_a_grant_pays_a_debt():
    subscribe(make_customer(), make_version(included(500)))
    overdraft = {"at_zero": AtZeroPolicy.GRACE, "limit": D(50)}
    spend(wallet_id=Wallet.objects.get().pk, amount=D(510), reference="use", at=JAN, **overdraft)
    pass_time(FEB)
    assert Wallet.objects.get().debt == 0
    assert lots() == [("01-01", 0), ("02-01", 490)]


def test_a_failed_grant_stops_no_other(monkeypatch, caplog):
    broken, sound = (subscribe(make_customer(), make_version(included(500)), FEB, at=JAN) for _ in range(2))

    def grants_of(due, rules):
        if due.subscription_id == broken.pk:
            raise RuntimeError("no such month")
        return original(due, rules)

    original = credit_grants.grants_for_period
    monkeypatch.setattr(credit_grants, "grants_for_period", grants_of)
    pass_time(FEB)
    assert [lot.wallet.customer_id for lot in Lot.objects.select_related("wallet")] == [sound.customer_id]
    assert "no such month" in caplog.text
    monkeypatch.undo()
    pass_time(FEB)
    assert len(lots()) == 2


def test_granting_many_periods_takes_no_more_queries(django_assert_max_num_queries):
    version = make_version(included(500), included(5, code="money", unit="USD"))
    for _ in range(10):
        subscribe(make_customer(), version, FEB, at=JAN)
    with django_assert_max_num_queries(30):
        grant_due(at=FEB)
    assert len(lots()) == 20


def test_versions_without_credits_need_few_queries(django_assert_num_queries):
    subscribe(make_customer(), make_version())
    with django_assert_num_queries(
        4
    ):  # whether any version has credits, and grants of removed periods, in a transaction
        grant_due(at=JAN)


def test_all_chunks_are_processed():
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


def test_the_task_is_scheduled_each_minute():
    entry = SCHEDULE["billing.grant_included_credits"]
    assert (entry["task"], entry["schedule"]) == (grant_included_credits.name, 60)
    assert grant_included_credits() == 0
