"""Credit notes: an issued invoice credited as a whole or by the line, with its own tax."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from invoices.credit_notes import CreditRefused, RequestedCredit, issue_credit_note, preview_credit_note
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from tests.builders import (
    FEB,
    MAR,
    assert_invoices_clean,
    fee,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.races import together

pytestmark = pytest.mark.django_db

D = Decimal


@pytest.fixture
def invoice() -> Invoice:
    """Return an invoice over a fee of 30.00 and 100 calls at 0.05, with 19% tax: 41.65."""
    make_tax("19")
    version = publish(
        make_plan(fees=[fee("30", billed="arrears")], offers=[offer("api.calls", rates=[rate("0.05")])])
    )
    use(subscribe(make_customer("acme", city="Bonn"), version), "api.calls", 100)
    close_due(at=FEB + timedelta(hours=1))
    return Invoice.objects.get()


def credited(invoice: Invoice, *lines: RequestedCredit, **fields: str) -> Invoice:
    fields = {"reason": "Outage of 14 January", "to": "balance", **fields}
    return issue_credit_note(invoice_id=invoice.pk, lines=lines or None, at=MAR, **fields)


def amounts(issued: Invoice) -> tuple[Decimal, Decimal, Decimal]:
    return issued.net.amount, issued.tax.amount, issued.total.amount


def test_an_invoice_credited_as_a_whole_is_void(invoice: Invoice):
    note = credited(invoice, to="refund")
    assert amounts(note) == amounts(invoice) == (D("35"), D("6.65"), D("41.65"))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.credited, invoice.due) == ("void", D("41.65"), 0)
    assert (note.kind, note.corrects, note.reason, note.credit_to) == (
        "credit_note",
        invoice,
        "Outage of 14 January",
        "offset",  # it is unpaid, so nothing is refunded
    )
    assert [(line.kind, line.corrects_line.position) for line in note.lines.order_by("position")] == [
        ("credit", 1),
        ("credit", 2),
    ]
    assert_invoices_clean()


def test_a_line_is_credited_in_part(invoice: Invoice):
    note = credited(invoice, RequestedCredit(1, D("10.00")))
    assert amounts(note) == (D("10"), D("1.90"), D("11.90"))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.due) == ("issued", D("29.75"))
    credited(invoice, RequestedCredit(1), RequestedCredit(2))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.due) == ("void", 0)
    assert_invoices_clean()


def test_a_paid_invoice_stays_paid_when_credited(invoice: Invoice):
    record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="bank", at=FEB)
    credited(invoice)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.credited, invoice.due) == ("paid", D("41.65"), 0)


def test_many_small_credit_notes_credit_no_more_than_the_tax(invoice: Invoice):
    """19% of 0.50 is 0.095, which rounds to 0.10: ten such notes would credit 1.00 of 0.95."""
    taxes = [credited(invoice, RequestedCredit(2, D("0.50"))).tax.amount for _ in range(10)]
    assert sum(taxes) == D("0.95")
    assert set(taxes) == {D("0.10"), D("0.09")}
    assert_invoices_clean()


def test_it_has_its_own_series_and_the_facts_of_its_invoice(invoice: Invoice):
    customer = invoice.customer
    customer.city = "Köln"
    customer.save()
    first, second = credited(invoice, RequestedCredit(1, D(1))), credited(invoice, RequestedCredit(1, D(1)))
    assert [first.number, second.number, invoice.number] == ["CN-000001", "CN-000002", "INV-000001"]
    assert first.buyer_facts == invoice.buyer_facts
    assert first.issue_date == first.due_date


def test_sandbox_credit_notes_have_another_series(invoice: Invoice):
    version = publish(make_plan(fees=[fee("5")]))
    subscribe(make_customer(sandbox=True), version)
    close_due(at=FEB + timedelta(hours=1))
    test = Invoice.objects.get(sandbox=True, lines__service_start__lt=FEB)
    assert credited(test).number == "TEST-CN-000001"


def test_a_preview_has_the_same_amounts_and_stores_nothing(invoice: Invoice):
    draft = preview_credit_note(invoice_id=invoice.pk, lines=[RequestedCredit(2, D("0.50"))])
    assert Invoice.objects.count() == 1
    assert amounts(credited(invoice, RequestedCredit(2, D("0.50")))) == (
        draft.totals.net,
        draft.totals.tax,
        draft.totals.total,
    )


REFUSED = [
    # request                    message                             field
    ([RequestedCredit(1, D("30.01"))], r"Line 1 .* you can credit up to \$30.00", "lines.0.amount"),
    ([RequestedCredit(1, D("-1"))], r"you can credit up to \$30.00", "lines.0.amount"),
    ([RequestedCredit(1, D("0"))], r"you can credit up to \$30.00", "lines.0.amount"),
    ([RequestedCredit(1, D("NaN"))], r"you can credit up to \$30.00", "lines.0.amount"),
    ([RequestedCredit(1, D("1.005"))], "1.005 has too many decimal places for USD", "lines.0.amount"),
    ([RequestedCredit(1), RequestedCredit(7)], "INV-000001 has no line 7", "lines.1.position"),
    ([RequestedCredit(2), RequestedCredit(2)], "Line 2 occurs twice", "lines.1.position"),
    ([], "Enter an amount for at least one line of INV-000001", "invoice"),
]


@pytest.mark.parametrize(("lines", "message", "field"), REFUSED)
def test_an_impossible_credit_is_rejected_with_the_limit(invoice: Invoice, lines: list, message: str, field: str):
    with pytest.raises(CreditRefused, match=message) as refused:
        issue_credit_note(invoice_id=invoice.pk, lines=lines, reason="x", to="balance", at=MAR)
    assert refused.value.field == field
    assert Invoice.objects.count() == 1


def test_a_reason_and_a_destination_of_the_money_are_required(invoice: Invoice):
    for fields, field in [({"reason": " "}, "reason"), ({"reason": "x" * 301}, "reason"), ({"to": "cash"}, "to")]:
        with pytest.raises(CreditRefused) as refused:
            credited(invoice, **fields)
        assert refused.value.field == field


def test_a_credit_note_cannot_be_credited(invoice: Invoice):
    note = credited(invoice)
    with pytest.raises(CreditRefused, match="Only an issued invoice"):
        credited(note)
    with pytest.raises(CreditRefused, match="is fully credited"):
        credited(invoice)


def test_a_stale_preview_is_rejected_after_another_credit_note(invoice: Invoice):
    credited(invoice, RequestedCredit(1, D(1)))
    with pytest.raises(CreditRefused, match="credited in the meantime"):
        issue_credit_note(invoice_id=invoice.pk, lines=None, reason="x", to="balance", at=MAR, credited_before=D(0))


def test_credits_on_an_invoice_are_reversed_by_a_full_credit_note():
    """January's usage decreased, so February's invoice credited 4.00. A full credit note reverses that as well."""
    version = publish(
        make_plan(fees=[fee("10", billed="arrears")], offers=[offer("api.calls", rates=[rate("0.05")])])
    )
    subscription = subscribe(make_customer(seller=make_seller("late")), version)
    use(subscription, "api.calls", 100)
    close_due(at=FEB + timedelta(hours=1))
    use(subscription, "api.calls", -80)
    close_due(at=MAR + timedelta(hours=1))
    february = Invoice.objects.latest("id")
    with pytest.raises(CreditRefused, match=r"add up to \$10.00, but the remaining amount of INV-000002 is \$6.00"):
        credited(february, RequestedCredit(1))
    note = credited(february)
    assert [line.amount.amount for line in note.lines.order_by("position")] == [D(10), D(-4)]
    assert note.total.amount == D(6)


@pytest.mark.django_db(transaction=True)
def test_concurrent_credit_notes_credit_no_more_than_the_invoice(invoice: Invoice):
    def credit_part() -> str:
        try:
            return credited(invoice, RequestedCredit(1, D("20.00"))).number
        except CreditRefused as refused:
            return str(refused)

    outcomes = together(credit_part, credit_part)
    assert sorted(outcomes)[0] == "CN-000001"
    assert "you can credit up to $10.00" in sorted(outcomes)[1]
    invoice.refresh_from_db()
    assert invoice.credited == D("23.80")
