"""A commitment may be in units, or per usage window; lines show the part of it that they used."""

from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from billing.closing import close_due, preview
from billing.closing.commitments.progress import read_commitment_progress
from billing.metering.usage.current_usage import current_usage
from billing.models import Subscription
from billing.subscriptions.terms.price_overrides import OverrideRefused, override
from invoices.models import Line
from lib.currencies import CREDITS
from plans.models import Feature, Price
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    add_commitment,
    commitment,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    tier,
    use,
)
from tests.clean_books import clean_after_test
from tests.docs_tables import rows
from tests.simulation_law import assert_simulation_equals_invoices
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

clean_books = clean_after_test("invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TIERS = [tier(100, 1), tier(None, "0.5")]


def committed(*, starts_at: datetime = JAN, offers: Any = None, resets: str = "", **fields: Any) -> Subscription:
    offers = offers or [offer("api.calls", included=10, rates=[rate(tiers=TIERS)])]
    draft = make_plan(offers=offers, commitments=[commitment(**fields)])
    if resets:
        every, unit = resets.split()
        Price.objects.filter(plan_feature__version=draft).update(resets_every=every, resets_unit=unit)
    return subscribe(make_customer("acme"), publish(draft), starts_at=starts_at)


def in_units(**fields: Any) -> Subscription:
    return committed(**{"units": 200, "feature": "api.calls", **fields})


def per_window(*, resets: str = "1 day", **fields: Any) -> Subscription:
    offers = [offer(make_feature("runs", meter=make_meter("runs", event_name="run")), rates=[rate("1")])]
    return committed(offers=offers, resets=resets, feature="runs", per_window=True, **fields)


def run(count: int, *, at: datetime, sent_at: datetime | None = None) -> None:
    stamp = at.isoformat()
    events = [
        {"id": f"{stamp} {sent_at} {n}", "customer": "acme", "event": "run", "timestamp": stamp} for n in range(count)
    ]
    if events:
        send(*events, at=sent_at or at)


def lines_text(**filters: Any) -> str:
    lines = Line.objects.filter(**filters).order_by("id").values_list("kind", "amount")
    return ", ".join(f"{kind} {amount:.2f}" for kind, amount in lines)


class TestUnits:
    @pytest.mark.parametrize("row", rows("closing.md", "commitments-in-units"), ids=lambda row: row["why"])
    def test_a_period_bills_the_documented_lines(self, row):
        subscription = in_units(
            factor=row["factor"], starts_at=datetime.fromisoformat(f"{row['starts']}T00:00+00:00")
        )
        if row["used"] != "0":
            use(subscription, "api.calls", row["used"])
        previewed = preview(at=FEB, subscription=subscription)
        close_due(at=FEB + HOUR)
        assert lines_text() == row["lines"]
        assert ", ".join(f"{line.kind} {line.amount:.2f}" for line in previewed.lines) == row["lines"]

    def test_usage_of_other_features_does_not_count(self):
        offers = [
            offer("api.calls", included=10, rates=[rate(tiers=TIERS)]),
            offer("tokens", rates=[rate("1")]),
        ]
        subscription = in_units(offers=offers, factor=2)
        use(subscription, "tokens", 500)
        close_due(at=FEB + HOUR)
        assert lines_text() == "usage 500.00, true_up 145.00"

    def test_the_worth_follows_an_override_of_the_price_and_the_committed_discount(self):
        subscription = in_units(discount=10)
        feature = Feature.objects.get(code="api.calls")
        close_due(at=FEB + HOUR)
        override(subscription=subscription, feature=feature, figure="price", value=D(2), at=FEB, reason="Deal")
        close_due(at=MAR + 40 * DAY)
        assert lines_text() == "true_up 130.50, true_up 130.50, true_up 342.00"

    def test_the_true_up_line_states_the_units_and_their_worth(self):
        use(in_units(), "api.calls", 150)
        close_due(at=FEB + HOUR)
        explanation = Line.objects.get(kind="true_up").explanation
        assert {
            name: explanation[name] for name in ("units", "feature", "minimum", "within", "beyond", "formula")
        } == {
            "units": "200",
            "feature": "api.calls",
            "minimum": "145",
            "within": "120.00",
            "beyond": "0.00",
            "formula": "145.00 − 120.00",
        }

    def test_late_usage_lowers_the_true_up(self):
        subscription = in_units()
        use(subscription, "api.calls", 150)
        close_due(at=FEB + HOUR)
        use(subscription, "api.calls", 90)
        close_due(at=MAR + HOUR)
        assert lines_text(service_end=FEB) == "usage 120.00, true_up 25.00, late_usage 45.00, true_up -25.00"
        late_line = Line.objects.get(kind="late_usage")
        assert late_line.explanation["commitment"] == {"within": "25.00", "beyond": "20.00"}

    def test_the_subscription_may_have_its_own(self):
        subscription = committed(minimum=0)
        add_commitment(subscription, at=JAN, units=D(30), feature="api.calls")
        assert in_progress(subscription, at=JAN + DAY) == (D(20), D(0), D(20))
        close_due(at=FEB + HOUR)
        assert lines_text() == "true_up 20.00"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"units": D(5)}, "feature"),
            ({"units": D(5), "feature": "unknown"}, "feature"),
            ({"units": D(0), "feature": "api.calls"}, "units"),
            ({"units": D(5), "minimum": 5, "feature": "api.calls"}, "minimum"),
            ({"feature": "api.calls"}, "minimum"),
            ({"minimum": 5, "feature": "api.calls", "per_window": True}, "per_window"),
            ({"minimum": 5, "feature": "api.calls", "per_window": True, "periods": 2}, "periods"),
        ],
    )
    def test_an_invalid_one_is_rejected_with_its_field(self, fields, field):
        with pytest.raises(OverrideRefused) as refusal:
            add_commitment(committed(minimum=0), at=JAN, **fields)
        assert refusal.value.field == field


class TestWindows:
    @pytest.mark.parametrize("row", rows("closing.md", "commitments-per-usage-window"), ids=lambda row: row["why"])
    def test_a_period_bills_the_documented_lines(self, row):
        starts_at = datetime.fromisoformat(f"{row['starts']}+00:00")
        subscription = per_window(
            minimum=5, factor=row["factor"], trues_up=row["true-up"] == "yes", starts_at=starts_at
        )
        for day, used in enumerate(row["used"].split(", ")):
            run(int(used), at=max(starts_at, datetime(2026, 1, 29 + day, tzinfo=JAN.tzinfo)))
        previewed = preview(at=FEB, subscription=subscription)
        close_due(at=FEB + HOUR)
        assert lines_text() == row["lines"]
        assert ", ".join(f"{line.kind} {line.amount:.2f}" for line in previewed.lines) == row["lines"]
        assert assert_simulation_equals_invoices(at=FEB + HOUR)

    def test_windows_of_hours_are_cut_at_the_ends_of_the_period(self):
        # Five-hour windows from midnight of 31 January: the fifth lies in the period for four hours.
        per_window(minimum=5, resets="5 hour", starts_at=FEB - DAY)
        run(3, at=FEB - DAY + 6 * HOUR)
        close_due(at=FEB + HOUR)
        assert lines_text() == "usage 3.00, true_up 21.00"
        windows = Line.objects.get(kind="true_up").explanation["windows"]
        assert [window["promised"] for window in windows] == ["5.00", "5.00", "5.00", "5.00", "4.00"]
        assert windows[1]["spent"] == "3.00"

    def test_late_usage_settles_its_own_window(self):
        per_window(minimum=5, factor=2, starts_at=FEB - 2 * DAY)
        run(8, at=FEB - 2 * DAY)
        close_due(at=FEB + HOUR)
        run(7, at=FEB - DAY, sent_at=FEB + 2 * HOUR)
        close_due(at=MAR + HOUR)
        january = Line.objects.filter(service_end=FEB).order_by("id").values_list("kind", "amount")
        assert [f"{kind} {amount:.2f}" for kind, amount in january] == [
            *("usage 8.00", "true_up 5.00", "surcharge 3.00"),
            *("late_usage 7.00", "true_up -5.00", "surcharge 2.00"),
        ]

    def test_units_may_be_committed_per_window(self):
        offers = [offer(make_feature("runs", meter=make_meter("runs", event_name="run")), rates=[rate("0.5")])]
        committed(offers=offers, resets="1 day", feature="runs", per_window=True, units=4, starts_at=FEB - 2 * DAY)
        run(6, at=FEB - DAY)
        close_due(at=FEB + HOUR)
        assert lines_text() == "usage 3.00, true_up 2.00"

    def test_progress_is_that_of_the_current_window(self):
        subscription = per_window(minimum=5)
        run(8, at=JAN)
        run(2, at=JAN + DAY)
        assert in_progress(subscription, at=JAN + DAY + HOUR) == (D(5), D(2), D(3))


@pytest.mark.parametrize("row", rows("closing.md", "parts-of-a-commitment"), ids=lambda row: row["settlement"])
def test_each_line_shows_the_part_that_it_used(row):
    offers = [offer("api.calls", rates=[rate("1")]), offer("tokens", rates=[rate("1")])]
    subscription = committed(offers=offers, minimum=100, factor=2)
    use(subscription, "api.calls", row["calls"])
    use(subscription, "tokens", row["tokens"])
    close_due(at=FEB + HOUR)
    calls, tokens = Line.objects.filter(kind="usage").order_by("id")
    assert [calls.explanation["commitment"], tokens.explanation["commitment"]] == [
        {"within": row[f"{name} within"], "beyond": row[f"{name} beyond"]} for name in ("calls", "tokens")
    ]
    settlement = Line.objects.exclude(kind="usage").get()
    assert f"{settlement.kind} {settlement.amount.amount:.2f}" == row["settlement"]
    within = D(row["calls within"]) + D(row["tokens within"])
    assert D(settlement.explanation["within"]) == within


@pytest.mark.parametrize("row", rows("closing.md", "paid-prepaid-usage"), ids=lambda row: row["why"])
def test_paid_prepaid_usage_counts(row):
    runs = make_feature("runs", meter=make_meter("runs", event_name="run"))
    offers = [
        offer("api.calls", rates=[rate("1")]),
        offer(runs, prices={CREDITS: [rate("1")]}, consumption="credits"),
    ]
    subscription = committed(offers=offers, minimum=100)
    wallet = Wallet.objects.create(customer=subscription.customer)
    grants = [Grant("purchased", D(row["credits"]), "pack", cost=D(row["paid for them"]))]
    if row["promotional"] != "0":
        grants.append(Grant("promotional", D(row["promotional"]), "gift", priority=1))
    grant(wallet_id=wallet.pk, grants=grants, at=JAN)
    use(subscription, "api.calls", 30)
    run(int(row["runs"]), at=JAN + HOUR)
    assert in_progress(subscription, at=JAN + DAY)[1] == D(row["counted"]) + 30
    close_due(at=FEB + HOUR)
    explanation = Line.objects.get(kind="true_up").explanation
    assert (D(explanation["spent"]) - 30, D(explanation["cumulative"])) == (D(row["counted"]), D(row["true-up"]))


def test_units_that_do_not_count_as_paid_do_not_count():
    runs = make_feature("runs", meter=make_meter("runs", event_name="run"))
    offers = [
        offer("api.calls", rates=[rate("1")]),
        offer(runs, prices={CREDITS: [rate("1")]}, consumption="credits"),
    ]
    wallet = Wallet.objects.create(customer=committed(offers=offers, minimum=100).customer)
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(20), "gift", cost=D(20), is_paid=False)], at=JAN)
    run(20, at=JAN + HOUR)
    close_due(at=FEB + HOUR)
    assert lines_text(kind="true_up") == "true_up 100.00"


def test_a_simulation_counts_the_same_paid_usage():
    runs = make_feature("runs", meter=make_meter("runs", event_name="run"))
    offers = [
        offer("api.calls", rates=[rate("1")]),
        offer(runs, prices={CREDITS: [rate("1")]}, consumption="credits"),
    ]
    subscription = committed(offers=offers, minimum=100, periods=2)
    wallet = Wallet.objects.create(customer=subscription.customer)
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(100), "pack", cost=D(50))], at=JAN)
    run(20, at=JAN + HOUR)
    run(10, at=FEB + HOUR)
    close_due(at=FEB + 2 * HOUR)
    close_due(at=MAR + HOUR)
    assert lines_text() == "usage 0.00, true_up 85.00"
    assert assert_simulation_equals_invoices(at=MAR + HOUR)


def in_progress(subscription: Subscription, *, at: datetime) -> tuple[D, D, D]:
    usage = current_usage(customer=subscription.customer.external_id, sandbox=False, at=at)
    (progress,) = read_commitment_progress(usage).values()
    return progress.promised, progress.reached, progress.missing
