"""Where a customer wants one document, what ends together is billed by one: docs/closing.md#one-document."""

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
    documents_are_clean,
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


def wants_one(**fields: Any) -> Customer:
    return make_customer(one_document=True, **fields)


def on(customer: Customer, name: str, *fees: dict[str, Any], currency: str = "USD", **fields: Any) -> Subscription:
    """Return a subscription of that name to a plan of its own, with calls at 1.00 that only it has."""
    starts_at = fields.pop("starts_at", JAN)
    included = fields.pop("included", 0)
    offers = [offer(f"{name}.calls", rates=[rate("1")], currency=currency, included=included)]
    version = publish(make_plan(fees=fees, offers=offers, **fields))
    return subscribe(customer, version, starts_at, external_id=name, currency=currency)


def billed(*amounts: str) -> list[D]:
    return [D(amount) for amount in amounts]


def totals() -> list[D]:
    return [invoice.total.amount for invoice in Invoice.objects.order_by("pk")]


@pytest.mark.parametrize("row", rows("closing.md", "one-document"), ids=lambda row: row["alpha"])
def test_tax_is_rounded_once_over_all_lines(row: dict[str, str]):
    make_tax("19")
    for is_joined in (False, True):
        customer = make_customer(one_document=is_joined)
        for name in ("alpha", "beta"):
            on(customer, f"{name}-{is_joined}", fee(row[name], billed="arrears"))
        close_due(at=AT)
    *apart, together = Invoice.objects.order_by("customer_id", "pk")
    assert [one.tax.amount for one in apart] == billed(*row["taxes apart"].split(", "))
    assert (together.tax.amount, together.total.amount) == (D(row["tax"]), D(row["total"])), row["why"]
    documents_are_clean()


def test_lines_stand_under_their_subscription_in_the_order_of_names():
    customer = wants_one()
    zeta = on(customer, "zeta", fee("10", billed="arrears"))
    alpha = on(customer, "alpha")
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
    documents_are_clean()


APART: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("the customer does not ask for it", {"one_document": False}, {}),
    ("they are in two currencies", {}, {"currency": "EUR"}),
    ("the prices of one include tax", {}, {"prices_include_tax": True}),
    ("they end at different moments", {}, {"starts_at": JAN + DAY, "anchor": "anniversary"}),
]


@pytest.mark.parametrize(
    ("why", "of_customer", "of_other"), APART, ids=lambda one: one if isinstance(one, str) else ""
)
def test_each_has_documents_of_its_own_where(why: str, of_customer: dict[str, Any], of_other: dict[str, Any]):
    customer = make_customer(**{"one_document": True, **of_customer})
    other = on(customer, "other", **of_other)
    use(on(customer, "one"), "one.calls", 5)
    use(other, "other.calls", 7)
    done = close_due(at=FEB + 2 * DAY)
    assert (done.issued, done.joined) == (2, 0), why
    assert sorted(totals()) == [5, 7]
    assert not Section.objects.exists()
    periods = Period.objects.filter(state="closed").order_by("pk")
    assert {one.invoice.reference for one in periods} == {f"period:{period.pk}" for period in periods}


def test_what_is_due_at_the_start_is_on_one_document_as_well():
    customer = wants_one()
    on(customer, "alpha", fee("10"))
    on(customer, "beta", fee("20"))
    close_due(at=JAN)
    assert totals() == [30]
    invoice = Invoice.objects.get()
    assert (invoice.period_start, invoice.period_end) == (JAN, FEB)
    documents_are_clean()


def test_one_that_cannot_be_billed_is_waited_for_a_day():
    customer = wants_one()
    alpha, beta, gamma = (on(customer, name, fee("10", billed="arrears")) for name in ("alpha", "beta", "gamma"))
    broken = use(beta, "beta.calls", 5)
    counter = Counter.objects.get(period=broken)
    Counter.objects.filter(period=broken).update(plan_feature_id=10**9)
    assert [close_due(at=AT).issued, totals()] == [0, []]
    for one in (alpha, gamma):
        waiting = one.periods.get(starts_at=JAN)
        assert waiting.error.startswith("It goes on one document with “beta”, which cannot be billed: ")
        assert (waiting.state, waiting.attempts, waiting.retry_at) == ("open", 1, AT + timedelta(minutes=1))
    with pytest.raises(ClosingFailed, match="“beta”"):
        close_period(period_id=waiting.pk, at=AT)

    assert close_due(at=AT + DAY - timedelta(seconds=1)).issued == 0
    done = close_due(at=AT + DAY + 6 * HOUR)
    assert (done.issued, done.joined, [one.period_id for one in done.failed]) == (1, 1, [broken.pk])
    assert totals() == [20]
    Counter.objects.filter(period=broken).update(plan_feature_id=counter.plan_feature_id)
    close_due(at=AT + 3 * DAY)
    broken.refresh_from_db()
    assert (totals(), broken.invoice.reference) == ([20, 15], f"period:{broken.pk}")
    documents_are_clean()


def test_a_close_that_breaks_off_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    customer = wants_one()
    for name in ("alpha", "beta"):
        use(on(customer, name), f"{name}.calls", 5)

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


def test_one_that_the_database_refuses_is_left_out_after_a_day():
    customer = wants_one()
    use(on(customer, "alpha"), "alpha.calls", 5)
    broken = use(on(customer, "beta"), "beta.calls", 5)
    Counter.objects.filter(period=broken).update(quantity=10**30)
    assert (close_due(at=AT).issued, len(close_due(at=AT + HOUR).failed)) == (0, 2)
    done = close_due(at=AT + DAY)
    assert (done.issued, [one.period_id for one in done.failed]) == (1, [broken.pk])
    assert totals() == [5]


def test_coupons_and_late_usage_stay_with_their_subscription():
    make_tax("19")
    customer = wants_one()
    alpha, beta = on(customer, "alpha", fee("8", billed="arrears")), on(customer, "beta")
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
    documents_are_clean()


def test_seats_are_settled_with_their_own_subscription():
    customer = wants_one()
    seats = fee("10", code="seats", label="Seats", basis="seat")
    version = publish(make_plan(fees=[seats, fee("120", label="Key", every=2)], offers=[]))
    for name, held in (("alpha", 2), ("beta", 5)):
        made = subscribe(customer, version, external_id=name, named=True)
        set_quantity(subscription=made, fee_code="seats", quantity=held, at=JAN, since=JAN, reason="asked")
    close_due(at=JAN)
    assert totals() == [310]
    close_due(at=AT)
    assert totals() == [310, 70], "seats of February: nothing of January is settled anew, and the key is paid for"
    documents_are_clean()


def test_it_is_credited_and_voided_but_not_made_again():
    make_tax("19")
    customer = wants_one()
    for name in ("alpha", "beta"):
        on(customer, name, fee("10.03", billed="arrears"))
    close_due(at=AT)
    invoice = Invoice.objects.get()
    with pytest.raises(CannotRegenerate, match="It bills several subscriptions"):
        regenerate(invoice_id=invoice.pk, reason="Wrong address", at=AT + DAY)
    some = issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(2)], reason="Gone", to="offset", at=AT + DAY
    )
    rest = void_invoice(invoice_id=invoice.pk, reason="Wrong", at=AT + DAY)
    assert (some.total.amount, rest.total.amount) == (D("11.94"), D("11.93")), "23.87 in all"
    invoice.refresh_from_db()
    assert invoice.state == "void"
    documents_are_clean()


def test_zeros_are_skipped_only_where_all_of_it_is_zero():
    customer = wants_one()
    alpha = on(customer, "alpha", included=10)
    use(on(customer, "beta"), "beta.calls", 1)
    use(alpha, "alpha.calls", 7)
    done = close_due(at=AT)
    assert (done.issued, done.joined, done.skipped, done.failed) == (1, 1, 0, [])
    assert close_due(at=MAR + HOUR).skipped == 2
    assert totals() == [1]


def test_the_lock_of_one_holds_all(monkeypatch: pytest.MonkeyPatch):
    """What somebody else holds is left, and so is what would share its document."""
    customer = wants_one()
    for name in ("alpha", "beta"):
        use(on(customer, name), f"{name}.calls", 5)
    first = Period.objects.filter(starts_at=JAN).order_by("pk").first()
    monkeypatch.setattr(batch, "lock_open_periods", lambda ids: set())
    assert period_close.close_periods(period_ids=[first.pk], at=AT).busy == 1
    assert totals() == []
