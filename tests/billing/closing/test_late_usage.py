"""Late usage arrives after the close: billed as cumulative minus billed, once, and never lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import bill_late_usage, close_due
from billing.models import BilledUsage, Counter, Period, Subscription
from billing.subscriptions import apply_coupon, cancel
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice, Line
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    assert_invoices_clean,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    tier,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)

PER_UNIT = [rate("0.05")]
LADDER = [rate(tiers=[tier(100, "1"), tier(None, "0.50")])]
VOLUME = [rate(model="volume", tiers=[tier(100, "1"), tier(None, "0.50")])]
PACKAGES = [rate("7", model="package", package_size=100)]
THIRDS = [rate("0.333333")]


def subscription_to(rates: list, *, included: int = 0, **seller: str) -> Subscription:
    fees = [fee("20", billed="arrears")]
    version = publish(make_plan(fees=fees, offers=[offer("api.calls", included=included, rates=rates)]))
    return subscribe(make_customer(seller=make_seller("late", **seller)), version)


def late_amounts() -> list[Decimal]:
    return [line.amount.amount for line in Line.objects.filter(kind="late_usage").order_by("id")]


PRICES = {"beyond 200": (PER_UNIT, 200), "graduated": (LADDER, 0)}
WORKED = [
    (*PRICES[row["price"]], int(row["billed with"]), int(row["late"]), row["line"], row["why"])
    for row in rows("closing.md", "late-usage")
]
CASES = [
    *WORKED,
    # rates    included before after  late amount  why
    (VOLUME, 0, 100, 1, "-49.50", "one more call makes all of them cheaper, and the difference is given back"),
    (PACKAGES, 0, 150, 50, "0.00", "the second package was paid for"),
    (PACKAGES, 0, 200, 1, "7.00", "a third package is begun"),
    (THIRDS, 0, 1, 1, "0.34", "0.67 in all, of which 0.33 is billed: rounded as if it had been there from the start"),
    (PER_UNIT, 0, 400, -100, "-5.00", "a correction takes off what the usage put on"),
]


@pytest.mark.parametrize(("rates", "included", "before", "after", "amount", "why"), CASES)
def test_late_usage_is_billed_as_cumulative_minus_billed(
    rates: list, included: int, before: int, after: int, amount: str, why: str
):
    subscription = subscription_to(rates, included=included)
    use(subscription, "api.calls", before)
    if Decimal(amount) < 0:  # the next invoice must exceed the credit
        close_due(at=FEB + HOUR)
        use(subscription, "api.calls", 2_000, at=FEB)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", after)
    close_due(at=MAR + HOUR)
    line = Line.objects.get(kind="late_usage")
    assert line.amount.amount == Decimal(amount), why
    assert (line.quantity, line.service_start, line.service_end) == (after, JAN, FEB)
    assert line.invoice.period_start == FEB
    january = Line.objects.filter(usage__period__starts_at=JAN)
    assert sum(usage_line.amount.amount for usage_line in january) == Decimal(line.explanation["cumulative"])


def test_late_usage_is_billed_once():
    subscription = subscription_to(PER_UNIT)
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 20)
    close_due(at=MAR + HOUR)
    close_due(at=APR + HOUR)
    assert late_amounts() == [Decimal("1.00")]
    assert not Period.objects.filter(late_since__isnull=False).exists()


def test_usage_late_again_is_billed_again():
    subscription = subscription_to(PER_UNIT)
    use(subscription, "api.calls", 100)
    for number, quantity in enumerate([20, 30, 40], start=2):
        close_due(at=datetime(2026, number, 1, 1, tzinfo=UTC))
        use(subscription, "api.calls", quantity)
    close_due(at=datetime(2026, 5, 1, 1, tzinfo=UTC))
    assert late_amounts() == [Decimal("1.00"), Decimal("1.50"), Decimal("2.00")]
    marks = BilledUsage.objects.order_by("high_water_mark").values_list("high_water_mark", "quantity")
    assert [quantity for _, quantity in marks] == [100, 120, 150, 190]
    assert len({mark for mark, _ in marks}) == 4


def test_late_usage_of_a_period_with_nothing_due_is_billed_in_full():
    version = publish(make_plan(offers=[offer("api.calls", included=10, rates=PER_UNIT)]))
    subscription = subscribe(make_customer(), version)
    use(subscription, "api.calls", 10)
    assert close_due(at=FEB + HOUR).skipped == 1
    use(subscription, "api.calls", 100)
    close_due(at=MAR + HOUR)
    line = Line.objects.get()
    assert (line.kind, line.quantity, line.amount.amount) == ("late_usage", 110, Decimal("5.00"))


def test_late_usage_changes_the_amount_of_another_rate_of_the_same_allowance():
    """
    Both rates share one allowance, the first listed first: late usage at the first rate takes units from the second.
    """
    rates = [rate("1", match={"model": "a"}, label="A"), rate("2", match={"model": "b"}, label="B")]
    subscription = subscription_to(rates, included=10)
    use(subscription, "api.calls", 4, rate_label="A")
    use(subscription, "api.calls", 8, rate_label="B")
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 3, rate_label="A")
    close_due(at=MAR + HOUR)
    lines = Line.objects.filter(kind="late_usage").order_by("position")
    assert [(line.description, line.quantity, line.amount.amount) for line in lines] == [
        ("A (late)", 3, Decimal("0.00")),
        ("B (late)", 0, Decimal("6.00")),
    ]


def test_a_reduction_above_the_next_invoice_is_credited_by_a_credit_note():
    subscription = subscription_to(PER_UNIT)
    use(subscription, "api.calls", 1_000)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", -600)
    february = close_due(at=MAR + HOUR)
    assert (february.issued, february.credited, february.late_billed, february.late_left) == (1, 1, 1, 0)
    january, february_invoice = Invoice.objects.filter(kind="invoice").order_by("id")
    note = Invoice.objects.get(kind="credit_note")
    assert (february_invoice.total.amount, note.total.amount, note.corrects, january.due) == (20, 30, january, 40)
    (line,) = note.lines.all()
    assert (line.kind, line.amount.amount, line.usage.quantity) == ("usage_credit", 30, 400)
    assert (line.explanation["billed_before"], line.explanation["cumulative"]) == ("50.00", "20.00")
    assert_invoices_clean()
    use(subscription, "api.calls", 100)
    close_due(at=APR + HOUR)
    assert late_amounts() == [Decimal("5.00")], "what comes after it is billed beyond what was left"
    assert_invoices_clean()


def test_a_reduction_credits_the_latest_lines_first():
    subscription = subscription_to(PER_UNIT)
    use(subscription, "api.calls", 1_000)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 400)
    close_due(at=MAR + HOUR)
    use(subscription, "api.calls", -1_200)
    close_due(at=APR + HOUR)
    notes = Invoice.objects.filter(kind="credit_note").order_by("corrects")
    assert [(note.corrects.period_start, note.total.amount) for note in notes] == [(JAN, 40), (FEB, 20)]
    assert_invoices_clean()


def test_an_amount_credited_by_hand_is_not_credited_again():
    subscription = subscription_to(PER_UNIT)
    use(subscription, "api.calls", 1_000)
    close_due(at=FEB + HOUR)
    january = Invoice.objects.get()
    issue_credit_note(
        invoice_id=january.pk, lines=[RequestedCredit(2, Decimal(45))], reason="Goodwill", to="balance", at=FEB + HOUR
    )
    use(subscription, "api.calls", -600)
    close_due(at=MAR + HOUR)
    line = Line.objects.get(kind="late_usage")
    assert (line.amount.amount, line.explanation["given_before"]) == (-5, "25"), "50 less 45 were left"
    assert_invoices_clean()
    use(subscription, "api.calls", 900)
    close_due(at=APR + HOUR)
    assert late_amounts() == [-5, 20], "65 of 1,300 calls, of which 45 are claimed: what was given stays given"
    assert_invoices_clean()


def test_an_amount_already_set_off_is_not_credited_again():
    subscription = subscription_to([rate("1")])
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", -20)
    close_due(at=MAR + HOUR)
    january = Invoice.objects.order_by("id")[0]
    issue_credit_note(
        invoice_id=january.pk, lines=[RequestedCredit(2, Decimal(50))], reason="Goodwill", to="balance", at=MAR + HOUR
    )
    use(subscription, "api.calls", -80)
    close_due(at=APR + HOUR)
    assert late_amounts() == [-20]
    assert Line.objects.get(kind="usage_credit").amount.amount == 30, "100 were paid: 20 set off, 50 by hand"
    assert_invoices_clean()


GIVEN_BACK = rows("closing.md", "credited-usage")


@pytest.mark.parametrize("row", GIVEN_BACK, ids=[row["why"] for row in GIVEN_BACK])
def test_a_reduction_is_credited_at_the_invoiced_price(row: dict[str, str]):
    def moved(month: datetime, count: str) -> Decimal:
        """
        Change January's usage to this many calls, and return the amount that the next close bills for it, negative
        for a credit.
        """
        counter = Counter.objects.get(period__starts_at=JAN)
        use(subscription, "api.calls", Decimal(count) - counter.quantity)
        before = set(Line.objects.values_list("pk", flat=True))
        assert close_due(at=month + HOUR).failed == []
        new = Line.objects.exclude(pk__in=before)
        return sum(
            (line_.amount.amount * {"usage_credit": -1, "late_usage": 1}.get(line_.kind, 0) for line_ in new),
            Decimal(0),
        )

    subscription = subscription_to([rate("1")])
    if row["coupon"]:
        coupon = make_coupon(percent=row["coupon"].rstrip("%"), features=["api.calls"])
        apply_coupon(subscription=subscription, coupon=coupon, at=JAN)
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    january = Invoice.objects.get()
    if row["by hand"]:
        position = january.lines.get(kind="usage").position
        given = [RequestedCredit(position, Decimal(row["by hand"]))]
        issue_credit_note(invoice_id=january.pk, lines=given, reason="Goodwill", to="balance", at=FEB + HOUR)
    assert moved(MAR, row["falls to"]) == -Decimal(row["credited"])
    assert_invoices_clean()
    assert moved(APR, row["then changes to"]) == Decimal(row["billed"])
    assert_invoices_clean()


def test_late_usage_is_taxed_like_its_period():
    make_tax("19", seller=make_seller("late"), valid_to=FEB.date())
    make_tax("21", seller=make_seller("late"), valid_from=FEB.date())
    subscription = subscription_to(PER_UNIT)
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 100)
    close_due(at=MAR + HOUR)
    invoice = Invoice.objects.latest("id")
    assert sorted(invoice.taxes.values_list("rate", "taxable")) == [(19, 5), (21, 20)]


def test_late_usage_stays_visible_and_unbilled_with_the_report_only_policy():
    subscription = subscription_to(PER_UNIT, late_usage="report_only")
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 100)
    close_due(at=MAR + HOUR)
    assert late_amounts() == []
    assert Period.objects.get(starts_at=JAN).late_since == JAN


class TestLateUsageOfAnEndedSubscription:
    """There is no next invoice, so late usage gets its own."""

    @pytest.fixture
    def subscription(self) -> Subscription:
        subscription = subscription_to(PER_UNIT)
        use(subscription, "api.calls", 100)
        cancel(subscription=subscription, at=JAN + HOUR, ends_at=FEB)
        close_due(at=FEB + HOUR)
        return subscription

    def test_it_is_billed_when_the_sellers_grace_period_ends(self, subscription: Subscription):
        use(subscription, "api.calls", 20, at=JAN)
        Period.objects.update(late_since=MAR)
        assert bill_late_usage(at=MAR + HOUR - timedelta(seconds=1)).issued == 0
        assert bill_late_usage(at=MAR + HOUR).issued == 1
        assert bill_late_usage(at=MAR + HOUR).issued == 0
        invoice = Invoice.objects.latest("id")
        line = invoice.lines.get()
        assert (line.kind, line.amount.amount, invoice.number) == ("late_usage", Decimal("1.00"), "INV-000002")
        mark = line.usage.high_water_mark
        assert invoice.reference == f"late:{subscription.periods.get().pk}:{mark}"
        assert (invoice.period_start, invoice.period_end) == (JAN, FEB)

    def test_it_is_billed_each_time_it_arrives(self, subscription: Subscription):
        for quantity in (20, 40):
            use(subscription, "api.calls", quantity, at=JAN)
            bill_late_usage(at=MAR)
        assert late_amounts() == [Decimal("1.00"), Decimal("2.00")]

    def test_a_reduction_is_credited_by_a_credit_note(self, subscription: Subscription):
        use(subscription, "api.calls", -20, at=JAN)
        done = bill_late_usage(at=MAR)
        assert (done.issued, done.credited, done.late_billed) == (0, 1, 1)
        note = Invoice.objects.get(kind="credit_note")
        assert (note.total.amount, note.number) == (1, "CN-000001")
        use(subscription, "api.calls", 60, at=JAN)
        assert bill_late_usage(at=MAR).issued == 1
        assert late_amounts() == [Decimal("3.00")]
        assert_invoices_clean()

    def test_usage_without_a_change_of_amount_gets_no_invoice(self, subscription: Subscription):
        use(subscription, "api.calls", "0.01", at=JAN)
        done = bill_late_usage(at=MAR)
        assert (done.issued, done.late_billed) == (0, 1)
        assert Period.objects.get().late_since is None
