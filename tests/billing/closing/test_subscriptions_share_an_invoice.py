"""
Where a customer wants one invoice, subscriptions whose periods end together share it.

Source: docs/closing.md#consolidated-invoices.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.closing import (
    CannotRegenerate,
    ClosingFailed,
    batch,
    close_due,
    close_period,
    invoice_writer,
    period_close,
    preview,
    regenerate,
)
from billing.models import BilledUsage, Counter, Period, Subscription
from billing.subscriptions import apply_coupon, set_quantity
from customers.models import Customer
from invoices.credit_notes import RequestedCredit, issue_credit_note, void_invoice
from invoices.models import Invoice, Line, NumberSeries, Section
from tests.builders import (
    FEB,
    JAN,
    MAR,
    assert_invoices_clean,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT = FEB + HOUR
D = Decimal


def consolidated_customer(**fields: Any) -> Customer:
    return make_customer(one_document=True, **fields)


def subscribe_to_own_plan(
    customer: Customer, name: str, *fees: dict[str, Any], currency: str = "USD", **fields: Any
) -> Subscription:
    """Return a subscription of that name to its own plan, with calls at 1.00 that only this plan has."""
    starts_at = fields.pop("starts_at", JAN)
    included = fields.pop("included", 0)
    offers = [offer(f"{name}.calls", rates=[rate("1")], currency=currency, included=included)]
    version = publish(make_plan(fees=fees, offers=offers, **fields))
    return subscribe(customer, version, starts_at, external_id=name, currency=currency)


def billed(*amounts: str) -> list[D]:
    return [D(amount) for amount in amounts]


def totals() -> list[D]:
    return [invoice.total.amount for invoice in Invoice.objects.order_by("pk")]


@pytest.mark.parametrize("row", rows("closing.md", "consolidated-invoices"), ids=lambda row: row["alpha"])
def test_tax_is_rounded_once_over_all_lines(row: dict[str, str]):
    make_tax("19")
    for is_joined in (False, True):
        customer = make_customer(one_document=is_joined)
        for name in ("alpha", "beta"):
            subscribe_to_own_plan(customer, f"{name}-{is_joined}", fee(row[name], billed="arrears"))
        close_due(at=AT)
    *apart, together = Invoice.objects.order_by("customer_id", "pk")
    assert [invoice.tax.amount for invoice in apart] == billed(*row["taxes apart"].split(", "))
    assert (together.tax.amount, together.total.amount) == (D(row["tax"]), D(row["total"])), row["why"]
    assert_invoices_clean()


def test_lines_are_grouped_by_subscription_in_the_order_of_names():
    customer = consolidated_customer()
    zeta = subscribe_to_own_plan(customer, "zeta", fee("10", billed="arrears"))
    alpha = subscribe_to_own_plan(customer, "alpha")
    use(alpha, "alpha.calls", 3)
    use(zeta, "zeta.calls", 4)
    done = close_due(at=AT)
    assert (done.issued, done.joined, done.closed, done.failed) == (1, 1, 2, [])
    invoice = Invoice.objects.get()
    of_alpha, of_zeta = alpha.periods.get(starts_at=JAN), zeta.periods.get(starts_at=JAN)
    assert invoice.reference == f"periods:{of_alpha.pk}"
    assert list(invoice.lines.order_by("position").values_list("position", "amount")) == [(1, 3), (2, 10), (3, 4)]
    assert list(
        invoice.sections.order_by("position").values_list("name", "reference", "first_line", "last_line")
    ) == [
        ("alpha", f"period:{of_alpha.pk}", 1, 1),
        ("zeta", f"period:{of_zeta.pk}", 2, 3),
    ]
    assert {of_alpha.invoice, of_zeta.invoice} == {invoice}
    assert close_period(period_id=of_zeta.pk, at=AT) == invoice
    assert close_due(at=AT).closed == 0
    assert_invoices_clean()


APART: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("the customer does not ask for it", {"one_document": False}, {}),
    ("they are in two currencies", {}, {"currency": "EUR"}),
    ("the prices of one include tax", {}, {"prices_include_tax": True}),
    ("they end at different moments", {}, {"starts_at": JAN + DAY, "anchor": "anniversary"}),
]


@pytest.mark.parametrize(
    ("why", "of_customer", "of_other"), APART, ids=lambda case: case if isinstance(case, str) else ""
)
def test_each_has_its_own_invoices_where(why: str, of_customer: dict[str, Any], of_other: dict[str, Any]):
    customer = make_customer(**{"one_document": True, **of_customer})
    other = subscribe_to_own_plan(customer, "other", **of_other)
    use(subscribe_to_own_plan(customer, "one"), "one.calls", 5)
    use(other, "other.calls", 7)
    done = close_due(at=FEB + 2 * DAY)
    assert (done.issued, done.joined) == (2, 0), why
    assert sorted(totals()) == [5, 7]
    assert not Section.objects.exists()
    periods = Period.objects.filter(state="closed").order_by("pk")
    assert {period_.invoice.reference for period_ in periods} == {f"period:{period.pk}" for period in periods}


def test_opening_fees_are_on_one_invoice_as_well():
    customer = consolidated_customer()
    subscribe_to_own_plan(customer, "alpha", fee("10"))
    subscribe_to_own_plan(customer, "beta", fee("20"))
    close_due(at=JAN)
    assert totals() == [30]
    invoice = Invoice.objects.get()
    assert (invoice.period_start, invoice.period_end) == (JAN, FEB)
    assert_invoices_clean()


def test_a_subscription_that_can_not_be_billed_delays_the_others_by_a_day():
    customer = consolidated_customer()
    alpha, beta, gamma = (
        subscribe_to_own_plan(customer, name, fee("10", billed="arrears")) for name in ("alpha", "beta", "gamma")
    )
    broken = use(beta, "beta.calls", 5)
    counter = Counter.objects.get(period=broken)
    Counter.objects.filter(period=broken).update(plan_feature_id=10**9)
    assert [close_due(at=AT).issued, totals()] == [0, []]
    for subscription in (alpha, gamma):
        waiting = subscription.periods.get(starts_at=JAN)
        assert waiting.error.startswith("It shares an invoice with “beta”, which can't be billed: ")
        assert (waiting.state, waiting.attempts, waiting.retry_at) == ("open", 1, AT + timedelta(minutes=1))
    with pytest.raises(ClosingFailed, match="“beta”"):
        close_period(period_id=waiting.pk, at=AT)

    assert close_due(at=AT + DAY - timedelta(seconds=1)).issued == 0
    done = close_due(at=AT + DAY + 6 * HOUR)
    assert (done.issued, done.joined, [failure.period_id for failure in done.failed]) == (1, 1, [broken.pk])
    assert totals() == [20]
    Counter.objects.filter(period=broken).update(plan_feature_id=counter.plan_feature_id)
    close_due(at=AT + 3 * DAY)
    broken.refresh_from_db()
    assert (totals(), broken.invoice.reference) == ([20, 15], f"period:{broken.pk}")
    assert_invoices_clean()


def test_an_interrupted_close_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    customer = consolidated_customer()
    for name in ("alpha", "beta"):
        use(subscribe_to_own_plan(customer, name), f"{name}.calls", 5)

    def breaks(place: str) -> None:
        if place == "close.before_commit":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(invoice_writer, "hit_failpoint", breaks)
        with pytest.raises(KeyboardInterrupt):
            close_due(at=AT)
    assert not any(model.objects.exists() for model in (Invoice, Line, Section, BilledUsage))
    assert not NumberSeries.objects.filter(last_number__gt=0).exists()
    assert (close_due(at=AT).issued, totals()) == (1, [10])


def test_a_subscription_that_the_database_rejects_is_left_out_after_a_day():
    customer = consolidated_customer()
    use(subscribe_to_own_plan(customer, "alpha"), "alpha.calls", 5)
    broken = use(subscribe_to_own_plan(customer, "beta"), "beta.calls", 5)
    Counter.objects.filter(period=broken).update(quantity=10**30)
    assert (close_due(at=AT).issued, len(close_due(at=AT + HOUR).failed)) == (0, 2)
    done = close_due(at=AT + DAY)
    assert (done.issued, [failure.period_id for failure in done.failed]) == (1, [broken.pk])
    assert totals() == [5]


def test_coupons_and_late_usage_stay_with_their_subscription():
    make_tax("19")
    customer = consolidated_customer()
    alpha, beta = (
        subscribe_to_own_plan(customer, "alpha", fee("8", billed="arrears")),
        subscribe_to_own_plan(customer, "beta"),
    )
    apply_coupon(subscription=beta, coupon=make_coupon(percent=50, duration="forever"), at=JAN)
    for month in (JAN, FEB):
        use(beta, "beta.calls", 10, at=month)
        close_due(at=(AT if month == JAN else MAR + HOUR))
        if month == JAN:
            use(beta, "beta.calls", 4, at=JAN)
            assert preview(at=FEB + DAY, subscription=beta).totals.net == 2, "what is to come is told for each"
    first, second = Invoice.objects.order_by("pk")
    assert [line.amount.amount for line in first.lines.order_by("position")] == [8, 10, -5]
    assert [line.amount.amount for line in second.lines.order_by("position")] == [8, 10, 4, -7]
    assert (first.net.amount, second.net.amount) == (13, 15)
    assert alpha.periods.filter(invoice=second).count() == 1
    assert_invoices_clean()


def test_seats_are_settled_with_their_own_subscription():
    customer = consolidated_customer()
    seats = fee("10", code="seats", label="Seats", basis="seat")
    version = publish(make_plan(fees=[seats, fee("120", label="Key", every=2)], offers=[]))
    for name, held in (("alpha", 2), ("beta", 5)):
        subscription = subscribe(customer, version, external_id=name, named=True)
        set_quantity(subscription=subscription, fee_code="seats", quantity=held, at=JAN, since=JAN, reason="asked")
    close_due(at=JAN)
    assert totals() == [310]
    close_due(at=AT)
    assert totals() == [310, 70], "seats of February: nothing of January is settled anew, and the key is paid for"
    assert_invoices_clean()


def test_a_shared_invoice_is_credited_and_voided_but_not_regenerated():
    make_tax("19")
    customer = consolidated_customer()
    for name in ("alpha", "beta"):
        subscribe_to_own_plan(customer, name, fee("10.03", billed="arrears"))
    close_due(at=AT)
    invoice = Invoice.objects.get()
    with pytest.raises(CannotRegenerate, match="This invoice bills several subscriptions"):
        regenerate(invoice_id=invoice.pk, reason="Wrong address", at=AT + DAY)
    credit_note = issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(2)], reason="Gone", to="offset", at=AT + DAY
    )
    rest = void_invoice(invoice_id=invoice.pk, reason="Wrong", at=AT + DAY)
    assert (credit_note.total.amount, rest.total.amount) == (D("11.94"), D("11.93")), "23.87 in all"
    invoice.refresh_from_db()
    assert invoice.state == "void"
    assert_invoices_clean()


def test_zero_amounts_are_skipped_only_where_the_whole_invoice_is_zero():
    customer = consolidated_customer()
    alpha = subscribe_to_own_plan(customer, "alpha", included=10)
    use(subscribe_to_own_plan(customer, "beta"), "beta.calls", 1)
    use(alpha, "alpha.calls", 7)
    done = close_due(at=AT)
    assert (done.issued, done.joined, done.skipped, done.failed) == (1, 1, 0, [])
    assert close_due(at=MAR + HOUR).skipped == 2
    assert totals() == [1]


def test_a_locked_period_skips_all_of_its_invoice(monkeypatch: pytest.MonkeyPatch):
    """A period locked by another process is skipped, and so are those that would share its invoice."""
    customer = consolidated_customer()
    for name in ("alpha", "beta"):
        use(subscribe_to_own_plan(customer, name), f"{name}.calls", 5)
    first = Period.objects.filter(starts_at=JAN).order_by("pk").first()
    monkeypatch.setattr(batch, "lock_open_periods", lambda ids: set())
    assert period_close.close_periods(period_ids=[first.pk], at=AT).busy == 1
    assert totals() == []
