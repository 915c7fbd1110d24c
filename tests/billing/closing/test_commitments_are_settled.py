"""A true-up bills the missing part of a commitment, and usage above it costs its overage factor."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.closing import bill_late_usage, close_due, preview
from billing.metering.usage.current_usage import current_usage
from billing.models import Settlement, Subscription
from billing.subscriptions import cancel
from billing.subscriptions.terms.commitments import end_commitment
from billing.subscriptions.terms.price_overrides import OverrideRefused
from invoices.models import Invoice, Line
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    add_commitment,
    assert_invoices_clean,
    commitment,
    fee,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
AT_A_DOLLAR = [offer("api.calls", rates=[rate("1")])]


def promised(*, starts_at: datetime = JAN, fees: list | None = None, **fields: Any) -> Subscription:
    promise = {"minimum": 100, **fields}
    version = publish(make_plan(fees=fees or [], offers=AT_A_DOLLAR, commitments=[commitment(**promise)]))
    return subscribe(make_customer(), version, starts_at=starts_at)


def line_amounts(kind: str) -> list[Decimal]:
    return [line.amount.amount for line in Line.objects.filter(kind=kind).order_by("id")]


def nets() -> list[Decimal]:
    return [invoice.net.amount for invoice in Invoice.objects.order_by("id")]


CASES = [tuple(row.values()) for row in rows("closing.md", "commitments")]


@pytest.mark.parametrize(("used", "factor", "starts", "lines", "why"), CASES)
def test_a_period_bills_the_documented_lines(used: str, factor: str, starts: str, lines: str, why: str):
    subscription = promised(factor=factor, starts_at=datetime.fromisoformat(f"{starts}T00:00+00:00"))
    if used != "0":
        use(subscription, "api.calls", used)
    close_due(at=FEB + HOUR)
    lines_found = Line.objects.order_by("id").values_list("kind", "amount")
    assert ", ".join(f"{kind} {amount:.2f}" for kind, amount in lines_found) == lines, why


def test_fees_do_not_count_toward_it():
    promised(fees=[fee("30", billed="arrears")])
    close_due(at=FEB + HOUR)
    assert line_amounts("true_up") == [Decimal(100)]


def test_the_true_up_line_explains_its_amount():
    subscription = promised()
    use(subscription, "api.calls", 20)
    close_due(at=FEB + HOUR)
    line = Line.objects.get(kind="true_up")
    assert line.explanation == {
        "minimum": "100",
        "periods": "1",
        "share": "1",
        "promised": "100.00",
        "spent": "20.00",
        "within": "20.00",
        "beyond": "0.00",
        "factor": "1",
        "cumulative": "80.00",
        "billed_before": "0.00",
        "formula": "100.00 − 20.00",
    }
    assert Settlement.objects.get().line == line


def test_without_a_true_up_the_minimum_is_only_where_the_factor_starts():
    subscription = promised(factor=2, trues_up=False)
    use(subscription, "api.calls", 20)
    close_due(at=FEB + HOUR)
    assert nets() == [Decimal(20)]


def test_a_commitments_discount_lowers_usage_prices():
    subscription = promised(discount="12.5")
    use(subscription, "api.calls", 200)
    assert preview(at=JAN + HOUR, subscription=subscription).totals.net == Decimal(175)
    close_due(at=FEB + HOUR)
    (part,) = Line.objects.get().explanation["parts"]
    assert (part["unit_price"], part["amount"]) == ("0.875", "175")


class TestContract:
    def test_the_true_up_is_billed_at_its_last_period(self):
        subscription = promised(periods=3)
        for month, used in ((JAN, 20), (FEB, 30), (MAR, 10)):
            close_due(at=month + HOUR)
            use(subscription, "api.calls", used, at=month)
        close_due(at=APR + HOUR)
        assert nets() == [20, 30, 50]
        assert line_amounts("true_up") == [40]

    def test_the_surcharge_is_computed_from_all_its_usage(self):
        subscription = promised(periods=3, factor=2)
        for month, used in ((JAN, 80), (FEB, 30), (MAR, 10)):
            close_due(at=month + HOUR)
            use(subscription, "api.calls", used, at=month)
        close_due(at=APR + HOUR)
        assert nets() == [80, 40, 20]
        assert line_amounts("surcharge") == [10, 10]

    def test_the_next_contract_starts_at_zero(self):
        promised(periods=2)
        close_due(at=datetime(2026, 5, 1, 1, tzinfo=UTC))
        assert line_amounts("true_up") == [100, 100]

    def test_periods_due_at_the_same_time_are_closed_one_after_the_other(self):
        subscription = promised(periods=3, factor=2)
        close_due(at=JAN + HOUR)
        use(subscription, "api.calls", 150)
        done = close_due(at=APR + HOUR)
        assert (done.failed, done.issued, nets()) == ([], 1, [200])

    def test_a_subscription_that_ends_early_owes_a_prorated_minimum(self):
        subscription = promised(periods=4)
        use(subscription, "api.calls", 20)
        cancel(subscription=subscription, at=FEB + HOUR, ends_at=MAR)
        close_due(at=MAR + HOUR)
        assert nets() == [20, 30], "two of four periods are half of the promise"

    def test_late_usage_lowers_its_true_up(self):
        subscription = promised(periods=2)
        use(subscription, "api.calls", 20)
        close_due(at=MAR + HOUR)
        use(subscription, "api.calls", 30)
        use(subscription, "api.calls", 60, at=MAR)
        close_due(at=APR + HOUR)
        assert nets() == [20, 80, 60]
        assert line_amounts("true_up") == [80, -30]


class TestSubscriptionsOwnCommitment:
    def test_it_replaces_the_versions_commitment_while_it_applies(self):
        subscription = promised(discount=50)
        add_commitment(subscription, 10, at=JAN, starts_at=FEB, ends_at=MAR, discount=Decimal(10))
        for month in (JAN, FEB, MAR):
            close_due(at=month + HOUR)
            use(subscription, "api.calls", 40, at=month)
        close_due(at=APR + HOUR)
        assert nets() == [100, 36, 100]
        assert line_amounts("usage") == [20, 36, 20]

    def test_a_contract_counts_from_the_first_period_that_starts_in_it(self):
        subscription = promised(minimum=0)
        add_commitment(subscription, 60, at=JAN, starts_at=FEB, periods=2)
        close_due(at=datetime(2026, 6, 1, 1, tzinfo=UTC))
        assert line_amounts("true_up") == [60, 60], "at the ends of March and May"

    def test_a_contract_that_is_ended_owes_a_prorated_minimum(self):
        subscription = promised(minimum=0)
        commitment_ = add_commitment(subscription, 60, at=JAN, starts_at=JAN, periods=3)
        close_due(at=FEB + HOUR)
        end_commitment(commitment=commitment_, at=FEB + HOUR)
        close_due(at=APR + HOUR)
        assert line_amounts("true_up") == [40], "two of three periods"

    def test_the_preview_and_the_usage_show_its_discount(self):
        subscription = promised(minimum=0)
        add_commitment(subscription, 10, at=JAN, starts_at=JAN, discount=Decimal(25))
        use(subscription, "api.calls", 40)
        assert preview(at=JAN + HOUR, subscription=subscription).totals.net == 30
        (usage,) = current_usage(customer=subscription.customer.external_id, sandbox=False, at=JAN + HOUR)
        assert usage.cost == 30

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"minimum": "10.005"}, "minimum"),
            ({"minimum": -1}, "minimum"),
            ({"overage_factor": Decimal(101)}, "overage_factor"),
            ({"discount": Decimal(101)}, "discount"),
            ({"periods": 0}, "periods"),
            ({"ends_at": FEB}, "ends_at"),
            ({"starts_at": JAN}, "starts_at"),
        ],
    )
    def test_an_invalid_commitment_is_rejected_with_its_field(self, fields: dict, field: str):
        subscription = promised()
        close_due(at=FEB + HOUR)
        with pytest.raises(OverrideRefused) as refusal:
            add_commitment(subscription, **{"minimum": 10, "at": FEB + HOUR, "starts_at": FEB, **fields})
        assert refusal.value.field == field


class TestLateUsage:
    def test_late_usage_replaces_the_true_up(self):
        subscription = promised()
        use(subscription, "api.calls", 20)
        close_due(at=FEB + HOUR)
        use(subscription, "api.calls", 30)
        use(subscription, "api.calls", 100, at=FEB)
        close_due(at=MAR + HOUR)
        assert (line_amounts("late_usage"), line_amounts("true_up")) == ([30], [80, -30])
        assert nets() == [100, 100]

    def test_late_usage_above_the_commitment_costs_its_factor(self):
        subscription = promised(factor=2)
        use(subscription, "api.calls", 90)
        close_due(at=FEB + HOUR)
        use(subscription, "api.calls", 30)
        use(subscription, "api.calls", 100, at=FEB)
        close_due(at=MAR + HOUR)
        assert nets() == [100, 100 + 30 - 10 + 20]

    def test_late_usage_of_an_ended_subscription_settles_its_commitment(self):
        subscription = promised(factor=2)
        use(subscription, "api.calls", 110)
        cancel(subscription=subscription, at=JAN + HOUR, ends_at=FEB)
        close_due(at=FEB + HOUR)
        use(subscription, "api.calls", 30)
        bill_late_usage(at=FEB + 3 * HOUR)
        assert nets() == [120, 60]


LESS = [
    # used  becomes  factor  issued          why
    (130,   110,     1,      "CN-000001",    "beyond the promise it is given back"),
    (130,   110,     2,      "",             "it would move the surcharge: it waits to be outweighed"),
    (130,   80,      1,      "",             "it would move the true-up"),
]  # fmt: skip


@pytest.mark.parametrize(("used", "becomes", "factor", "document", "why"), LESS)
def test_a_reduction_is_credited_where_it_changes_no_other_line(
    used: int, becomes: int, factor: int, document: str, why: str
):
    subscription = promised(factor=factor)
    use(subscription, "api.calls", used)
    cancel(subscription=subscription, at=JAN + HOUR, ends_at=FEB)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", becomes - used, at=JAN)
    bill_late_usage(at=MAR)
    assert [invoice.number for invoice in Invoice.objects.order_by("id")[1:]] == ([document] if document else []), why
    assert (subscription.periods.get(kind="regular").late_since is None) == bool(document)
    assert_invoices_clean()
