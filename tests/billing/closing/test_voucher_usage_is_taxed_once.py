"""Units of multi-purpose packs are taxed when they are used, once, by one invoice for each wallet and month."""

import json
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest
from django.db import transaction

from billing.closing import voucher_usage
from billing.closing.voucher_usage import tax_voucher_usage
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from billing.models import VoucherUsage
from invoices.credit_notes import issue_credit_note
from invoices.models import Invoice
from invoices.rendering.einvoice.syntaxes import to_xml
from invoices.rendering.renderer import render_one
from tests.billing.simulation.sandbox.clock_setup import advance_to
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    make_clock,
    make_customer,
    make_feature,
    make_pack,
    make_plan,
    make_seller,
    make_tax,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.docs_tables import rows
from tests.invoices.rendering.einvoice.standard_rules import errors_of
from tests.invoices.rendering.pdf_reader import text_of
from tests.races import Pause, start, wait_until_blocked
from wallets.ledger.adjustments import refund, transfer, void
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.locked_wallets import lock_wallets
from wallets.ledger.spend import SpendRequest, give_back, spend, take_from_wallets
from wallets.ledger.transactions import Sheet, write
from wallets.models import Lot, TaxPoint
from wallets.operations.invoice_payment import pay_invoices
from wallets.purchases import PackOrder, buy, receive_payment

MID_JAN, MID_FEB = (datetime(2026, month, 15, tzinfo=UTC) for month in (1, 2))
PACKS = {"single": {}, "multi": {"is_taxed": False}, "multi, included": {"is_taxed": False, "includes_tax": True}}


@pytest.fixture
def wallet(db):
    make_tax(19)
    return make_wallet(make_customer("acme"))


def purchase(wallet, kind="multi", *, bonus=0, at=JAN, **fields):
    pack = make_pack(slabs=[(0, bonus, 0)] if bonus else (), **PACKS[kind], **fields)
    bought = buy(wallet_id=wallet.pk, order=PackOrder(pack.code, pack.code), at=at)
    due = bought.invoice.due
    receive_payment(invoice_id=bought.invoice_id, amount=due, method="manual", reference=pack.code, at=at)
    return bought


def use(wallet, units, reference="use", at=MID_JAN, **fields):
    spend(wallet_id=wallet.pk, amount=D(units), reference=reference, at=at, **fields)


@transaction.atomic
def draw(wallet, units, *, back=False, at=MID_JAN):
    """Draw usage of a drawdown from the wallet, or return it, as a correction does."""
    locked, sheet, feature_id = lock_wallets([wallet.pk], used_at=at)[wallet.pk], Sheet(at), make_feature("runs").pk
    if back:
        give_back([locked], D(units), feature_id=feature_id, draw=7, reference="correction", sheet=sheet)
    else:
        take_from_wallets([locked], SpendRequest(D(units), at, "draw", feature_id, draw=7), sheet)
    write(sheet, [locked])


def usage_invoices():
    return list(Invoice.objects.filter(reference__startswith="voucher-usage:").order_by("pk"))


def taxes(at):
    """Tax the usage that is due, and return the tax on each new invoice."""
    before = {invoice.pk for invoice in usage_invoices()}
    count = tax_voucher_usage(at=at).issued
    new = [invoice for invoice in usage_invoices() if invoice.pk not in before]
    assert len(new) == count
    return [invoice.tax.amount for invoice in new]


def end_otherwise(wallet, row):
    """Do with the other units as the row says."""
    action, _, units = row["other"].partition(" ")
    lot = Lot.objects.filter(wallet=wallet, has_left=True).last()
    arguments = {"amount": D(units or 0), "reference": "other", "reason": "asked", "at": MID_JAN}
    if action == "expired":
        Lot.objects.filter(pk=lot.pk).update(expires_at=MID_JAN)
        expire(wallet_id=wallet.pk, at=MID_JAN, grace_period=MID_JAN - MID_JAN)
    if action == "voided":
        void(lot_id=lot.pk, **arguments)
    if action == "refunded":
        refund(lot_id=lot.pk, **arguments)
    if action == "used":
        use(wallet, units, "again", at=MID_FEB, feature_id=make_feature("runs").pk)


@pytest.mark.parametrize("row", rows("tax.md", "Vouchers"), ids=lambda row: row["why"])
def test_the_tax_is_that_of_the_docs(wallet, row):
    sales = []
    if "free" in row["pack"]:
        grant(wallet_id=wallet.pk, grants=[Grant("promotional", D(100), "gift")], at=JAN)
    if row["pack"] == "multi and single":
        sales.append(purchase(wallet, "single"))
    if row["pack"] != "free":
        sales.append(purchase(wallet, row["pack"].partition(" and ")[0], bonus=int(row["bonus"] or 0)))
    assert sum(sale.invoice.tax.amount for sale in sales) == D(row["tax of the sale"] or 0)
    if D(row["used"]):
        draw(wallet, row["used"])
    if not row["returned"]:
        end_otherwise(wallet, row)
    assert taxes(at=MID_JAN) == []
    assert taxes(at=FEB) == [D(tax) for tax in row["tax in February"].split()]
    if row["returned"]:
        draw(wallet, row["returned"], back=True, at=MID_FEB)
        end_otherwise(wallet, row)
    assert taxes(at=MAR) == [D(tax) for tax in row["tax in March"].split()]
    assert taxes(at=APR) == []


def test_the_sale_is_outside_of_the_tax(wallet):
    invoice = purchase(wallet).invoice
    (tax,) = invoice.taxes.all()
    assert (invoice.total.amount, tax.rate, tax.reason) == (99, 0, "Multi-purpose voucher: taxed when it is used")
    assert Lot.objects.get().tax_point == TaxPoint.USED


@pytest.mark.parametrize(
    ("kind", "totals"), [("multi", ("0", "5.64", "5.64")), ("multi, included", ("-4.74", "4.74", "0"))]
)
def test_the_invoice_shows_the_usage_and_that_it_is_paid(wallet, kind, totals):
    purchase(wallet, kind)
    use(wallet, 30, feature_id=make_feature("runs").pk)
    tax_voucher_usage(at=FEB)
    (invoice,) = usage_invoices()
    assert (invoice.net.amount, invoice.tax.amount, invoice.total.amount) == tuple(map(D, totals))
    lines = [(line.description, line.amount.amount, line.tax_rate) for line in invoice.lines.order_by("position")]
    assert lines == [
        ("runs, paid in advance", D("29.7"), 19),
        ("Paid in advance with multi-purpose credits", D("-29.7"), 0),
    ]
    assert (invoice.period_start, invoice.period_end, invoice.issued_at) == (JAN, FEB, FEB)
    usage = VoucherUsage.objects.get()
    assert (usage.cost, usage.invoice_id) == (D("29.7"), invoice.pk)


GERMAN = {"country": "DE", "address_line1": "Torstraße 140", "postal_code": "10119", "city": "Berlin"}


def test_the_invoice_is_printed_and_valid_as_an_e_invoice(db):
    seller = make_seller(tax_number="DE136695976", company_number="HRB 1", **GERMAN)
    make_tax(19, country="DE")
    wallet = make_wallet(make_customer("acme", seller=seller, **GERMAN))
    purchase(wallet)
    use(wallet, 30, feature_id=make_feature("runs").pk)
    tax_voucher_usage(at=FEB)
    (invoice,) = usage_invoices()
    text = text_of(bytes(render_one(invoice_id=invoice.pk, at=FEB).content))
    assert "Paid in advance with multi-purpose credits" in text
    for syntax in ("cii", "ubl"):
        assert errors_of(to_xml(invoice, syntax=syntax)) == []


def test_each_feature_is_taxed_by_the_code_of_its_plan(wallet):
    make_tax(7, code="food")
    prices = {"XCR": [rate(1)]}
    offers = [
        offer(code, prices=prices, consumption="credits", tax_code=tax_code)
        for code, tax_code in (("chat", ""), ("recipes", "food"))
    ]
    subscribe(wallet.customer, publish(make_plan(offers=offers)))
    purchase(wallet)
    for code in ("chat", "recipes"):
        send(code, 10)
    tax_voucher_usage(at=FEB)
    (invoice,) = usage_invoices()
    rates = {line.description: line.tax_rate for line in invoice.lines.all()}
    assert (rates["chat, paid in advance"], rates["recipes, paid in advance"]) == (19, 7)
    assert invoice.tax.amount == D("1.88") + D("0.69")


def send(name, count):
    """Record events as the API does; the drawdown follows in the same transaction."""
    sent = [
        {"id": f"{name}:{n}", "customer": "acme", "event": name, "timestamp": "2026-01-10T00:00:00Z"}
        for n in range(count)
    ]
    events, _, _ = parse_events(json.dumps(sent).encode(), sandbox=False, at=MID_JAN, oldest=JAN, newest=MID_JAN)
    record_events(events=events, sandbox=False, at=MID_JAN, atomic=True)


def test_months_add_up_to_the_cent(wallet):
    purchase(wallet)
    for month, (at, units) in enumerate(zip((FEB, MAR, APR), ("0.5", "0.5", "99"), strict=True), start=1):
        use(wallet, units, f"use {month}", at=at.replace(month=month, day=9))
        tax_voucher_usage(at=at)
    amounts = [line.amount.amount for invoice in usage_invoices() for line in invoice.lines.filter(position=1)]
    assert amounts == [D("0.50"), D("0.49"), D("98.01")]  # 0.495 twice: rounded to 0.50 and 0.99


def test_a_credit_note_returns_the_tax_and_taxes_nothing_again(wallet):
    purchase(wallet)
    use(wallet, 30)
    tax_voucher_usage(at=FEB)
    (invoice,) = usage_invoices()
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="Wrong rate", to="offset", at=MID_FEB)
    note = Invoice.objects.get(kind="credit_note")
    assert (note.net.amount, note.tax.amount, note.total.amount) == (0, D("5.64"), D("5.64"))
    assert taxes(at=MAR) == []
    use(wallet, 10, "later", at=MID_FEB)
    assert taxes(at=MAR) == [D("1.88")]


@pytest.mark.django_db
def test_an_overdraft_is_taxed_when_a_lot_repays_it():
    make_tax(19)
    wallet = make_wallet(make_customer("acme"), at_zero="grace", grace=D(50))
    use(wallet, 20)
    assert taxes(at=FEB) == []
    purchase(wallet, at=MID_FEB)
    assert taxes(at=MAR) == [D("3.76")]  # 19% of 19.80


def test_a_lot_keeps_its_tax_point_in_another_wallet_and_when_it_rolls_over(wallet):
    purchase(wallet, valid_days=10, rolls_over=1)
    other = make_wallet(wallet.customer, name="Other")
    transfer(from_id=wallet.pk, to_id=other.pk, amount=D(40), reference="t", reason="asked", at=JAN)
    expire(wallet_id=wallet.pk, at=MID_JAN, grace_period=MID_JAN - MID_JAN)
    assert {*Lot.objects.values_list("kind", "tax_point")} == {("purchased", "used"), ("rollover", "used")}
    assert taxes(at=FEB) == []
    use(wallet, 10, at=MID_JAN)
    assert taxes(at=FEB) == [D("1.88")]


def test_money_that_pays_invoices_is_taxed_on_them_alone(wallet):
    money = make_wallet(wallet.customer, name="Money", unit="USD", pays_invoices=True)
    buyable = make_pack("balance", unit="money", is_taxed=False)
    order = PackOrder(buyable.code, "first")
    bought = buy(wallet_id=money.pk, order=order, at=JAN)
    receive_payment(invoice_id=bought.invoice_id, amount=D(99), method="manual", reference="b", at=JAN)
    later = buy(wallet_id=wallet.pk, order=PackOrder(make_pack(prices={"USD": 10}).code, "second"), at=JAN)
    assert pay_invoices(at=MID_JAN) == 1
    later.invoice.refresh_from_db()
    assert later.invoice.state == "paid"
    assert taxes(at=FEB) == []


def test_without_a_tax_no_invoice_is_issued_and_the_usage_is_done_with(db):
    wallet = make_wallet(make_customer("acme"))
    purchase(wallet)
    use(wallet, 30)
    assert taxes(at=FEB) == []
    make_tax(19)
    assert taxes(at=FEB) == []
    assert VoucherUsage.objects.get().invoice is None


def test_a_months_end_follows_the_customers_calendar(db):
    make_tax(19)
    wallet = make_wallet(make_customer("acme", time_zone="America/Los_Angeles"))
    purchase(wallet)
    use(wallet, 30)
    assert taxes(at=FEB.replace(hour=7, minute=59)) == []
    assert taxes(at=FEB.replace(hour=8)) == [D("5.64")]


def test_a_wallet_that_fails_stops_no_other(wallet, monkeypatch):
    other = make_wallet(make_customer())
    for each in (wallet, other):
        purchase(each)
        use(each, 30)
    monkeypatch.setattr(voucher_usage, "BATCH_SIZE", 1)
    original = voucher_usage.tax_usage_of

    def fail_once(*, wallet_id, **arguments):
        if wallet_id == wallet.pk:
            raise ValueError("The tax calculator has no answer.")
        return original(wallet_id=wallet_id, **arguments)

    monkeypatch.setattr(voucher_usage, "tax_usage_of", fail_once)
    run = tax_voucher_usage(at=FEB)
    assert (run.issued, run.failed) == (1, 1)
    monkeypatch.setattr(voucher_usage, "tax_usage_of", original)
    assert taxes(at=FEB) == [D("5.64")]


def test_a_test_clock_stops_at_the_end_of_the_month(db):
    make_tax(19)
    clock = make_clock()
    wallet = make_wallet(make_customer("acme", sandbox=True, test_clock=clock))
    purchase(wallet)
    use(wallet, 30, at=JAN)
    assert taxes(at=FEB) == []
    advance_to(clock, MID_FEB)
    (invoice,) = usage_invoices()
    assert (invoice.tax.amount, invoice.issued_at) == (D("5.64"), FEB)


@pytest.mark.django_db(transaction=True)
def test_two_runs_tax_the_usage_once(monkeypatch):
    make_tax(19)
    wallet = make_wallet(make_customer("acme"))
    purchase(wallet)
    use(wallet, 30)
    pause = Pause.before(monkeypatch, voucher_usage, "write_lines")
    first = start(lambda: tax_voucher_usage(at=FEB).issued)
    pause.await_arrival()
    second = start(lambda: tax_voucher_usage(at=FEB).issued)
    wait_until_blocked()
    pause.release()
    assert (first.result(), second.result()) == (1, 0)
    assert [invoice.tax.amount for invoice in usage_invoices()] == [D("5.64")]
