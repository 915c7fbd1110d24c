"""A credit pack is invoiced at once and granted once, when it is paid; otherwise it is canceled or fails."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from plans.models import CreditPack
from tests.builders import JAN, make_customer, make_feature, make_pack, make_tax, make_wallet
from tests.docs_tables import rows
from wallets.ledger.errors import InsufficientUnits
from wallets.ledger.spend import spend
from wallets.models import Lot, Purchase, Wallet
from wallets.purchases import PackOrder, PurchaseRefused, buy, cancel, receive_payment, settle_purchases

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    make_tax(19)
    return make_wallet()


def buy_pack(wallet, pack="pack", reference="first", at=JAN, **order):
    return buy(wallet_id=wallet.pk, order=PackOrder(pack, reference, **order), at=at)


def pay(purchase, amount=None, reference="bank", at=JAN):
    amount = purchase.invoice.due if amount is None else D(amount)
    receive_payment(invoice_id=purchase.invoice_id, amount=amount, method="manual", reference=reference, at=at)
    purchase.refresh_from_db()


def states_and_balance(purchase):
    balance = Wallet.objects.get(pk=purchase.wallet_id).balance
    return purchase.state, Invoice.objects.get(pk=purchase.invoice_id).state, balance


def lots(purchase):
    stored_lots = Lot.objects.filter(wallet=purchase.wallet_id).order_by("pk")
    return [(lot.kind, lot.source, lot.amount, lot.cost) for lot in stored_lots]


@pytest.mark.parametrize("row", rows("wallets.md", "Packs"), ids=lambda row: row["bought"])
def test_a_purchase_has_the_amounts_of_the_docs(wallet, row):
    slabs = [(0, 5, 0), (200, 5, 10)]
    make_pack("pack", prices={"USD": 99}, slabs=slabs)
    make_pack("units", units=None, least_units=10, most_units=5000, prices={"USD": "0.011"}, slabs=slabs)
    count, code = row["bought"].split(" × ")
    order = {"packs": int(count)} if code == "pack" else {"units": D(count)}
    purchase = buy_pack(wallet, code, **order)
    invoice = purchase.invoice
    assert (purchase.units, purchase.bonus, purchase.net) == (D(row["units"]), D(row["bonus"]), D(row["price"]))
    assert (invoice.net.amount, invoice.total.amount) == (D(row["price"]), D(row["invoice"]))
    pay(purchase)
    assert [cost for *_, cost in lots(purchase)] == [D(row["cost"]), D(row["cost of the bonus"])]


@pytest.mark.parametrize("row", rows("wallets.md", "Features of a purchase"))
def test_units_are_for_the_features_of_the_docs(wallet, row):
    ids = {code: make_feature(code).pk for code in ("chat", "images")}
    make_feature("seats", kind="boolean")
    make_pack("pack", features=row["features of the pack"].split())
    features = row["ordered for"].split()
    if row["features of the lot"] == "refused":
        with pytest.raises(PurchaseRefused, match=f"can't pay for the feature “{features[0]}”") as refusal:
            buy_pack(wallet, features=features)
        assert refusal.value.field == "features"
        return
    pay(buy_pack(wallet, features=features))
    expected = [] if row["features of the lot"] == "all" else row["features of the lot"].split()
    lot = Lot.objects.get()
    assert lot.features == sorted(ids[code] for code in expected)
    for code, feature_id in ids.items():
        arguments = {"amount": D(1), "reference": code, "feature_id": feature_id, "at": JAN}
        if expected and code not in expected:
            with pytest.raises(InsufficientUnits):
                spend(wallet_id=wallet.pk, **arguments)
        else:
            assert spend(wallet_id=wallet.pk, **arguments).units == 1


def test_the_same_reference_for_other_features_is_refused(wallet):
    for code in ("chat", "images"):
        make_feature(code)
    make_pack("pack")
    assert buy_pack(wallet, features=["chat"]) == buy_pack(wallet, features=["chat"])
    with pytest.raises(PurchaseRefused, match="Another purchase"):
        buy_pack(wallet, features=["images"])


def test_it_is_invoiced_at_once_and_granted_when_fully_paid(wallet):
    make_pack("pack", slabs=[(0, 10, 0)])
    purchase = buy_pack(wallet)
    assert states_and_balance(purchase) == ("pending", "issued", 0)
    pay(purchase, "17.81", "part")
    assert states_and_balance(purchase) == ("pending", "issued", 0)
    pay(purchase, at=JAN + timedelta(days=1))
    assert states_and_balance(purchase) == ("granted", "paid", 110)
    assert purchase.granted_at == JAN + timedelta(days=1)
    source = f"purchase:{purchase.pk}"
    assert lots(purchase) == [
        ("purchased", source, 100, D(90)),
        ("bonus", f"{source}:bonus", 10, D(9)),
    ]


def test_a_trusted_wallet_is_granted_before_payment_and_only_once(wallet):
    make_pack("pack")
    Wallet.objects.update(is_trusted=True)
    purchase = buy_pack(wallet)
    assert states_and_balance(purchase) == ("granted", "issued", 100)
    pay(purchase)
    assert settle_purchases(at=JAN).granted == 0
    assert states_and_balance(purchase) == ("granted", "paid", 100)


def test_a_payment_recorded_on_the_invoice_is_settled_by_the_task(wallet):
    make_pack("pack")
    purchase = buy_pack(wallet)
    record_payment(invoice_id=purchase.invoice_id, amount=D("117.81"), method="manual", reference="bank", at=JAN)
    assert [settle_purchases(at=JAN).granted for _ in range(2)] == [1, 0]
    purchase.refresh_from_db()
    assert states_and_balance(purchase) == ("granted", "paid", 100)


def test_the_same_reference_buys_once(wallet):
    make_pack("pack")
    assert buy_pack(wallet) == buy_pack(wallet, at=JAN + timedelta(days=1))
    assert Invoice.objects.count() == 1
    with pytest.raises(PurchaseRefused, match="Another purchase"):
        buy_pack(wallet, packs=2)


def test_a_purchase_keeps_its_terms(wallet):
    feature = make_feature("runs")
    make_pack("pack", valid_days=30, features=["runs"], priority=7, rolls_over=1, rollover_most=5, rollover_days=9)
    purchase = buy_pack(wallet)
    never = {"rolls_over": 0, "rollover_most": None, "rollover_days": None}
    CreditPack.objects.update(valid_days=1, priority=50, features=[], units=1, **never)
    pay(purchase, at=JAN + timedelta(days=2))
    lot = Lot.objects.get()
    assert (lot.amount, lot.priority, lot.features, lot.rolls_over) == (100, 7, [feature.pk], 1)
    assert (lot.expires_at, lot.rollover_most, lot.rollover_days) == (JAN + timedelta(days=32), 5, 9)


def test_a_canceled_purchase_voids_its_invoice(wallet):
    make_pack("pack")
    purchase = buy_pack(wallet)
    for _ in range(2):
        purchase = cancel(purchase_id=purchase.pk, reason="By mistake", at=JAN)
    assert states_and_balance(purchase) == ("canceled", "void", 0)
    assert Invoice.objects.get(kind="credit_note").reason == "By mistake"
    assert buy_pack(wallet, reference="second").state == "pending"


def test_a_partly_paid_or_granted_purchase_is_not_canceled(wallet):
    make_pack("pack")
    purchase = buy_pack(wallet)
    pay(purchase, "1", "part")
    with pytest.raises(PurchaseRefused, match=r"\$1.00 of INV-000001 is paid"):
        cancel(purchase_id=purchase.pk, reason="No", at=JAN)
    pay(purchase)
    with pytest.raises(PurchaseRefused, match="Refund its lot"):
        cancel(purchase_id=purchase.pk, reason="No", at=JAN)


def test_an_invoice_credited_by_hand_cancels_its_purchase(wallet):
    make_pack("pack")
    purchase = buy_pack(wallet)
    issue_credit_note(invoice_id=purchase.invoice_id, lines=None, reason="Wrong pack", to="offset", at=JAN)
    assert settle_purchases(at=JAN).canceled == 1
    purchase.refresh_from_db()
    assert (*states_and_balance(purchase), purchase.reason) == ("canceled", "void", 0, "Its invoice was credited")


def test_a_credited_amount_is_no_cost_of_the_lot(wallet):
    make_pack("pack")
    purchase = buy_pack(wallet)
    issue_credit_note(
        invoice_id=purchase.invoice_id, lines=[RequestedCredit(1, D(9))], reason="Goodwill", to="offset", at=JAN
    )
    pay(purchase)
    assert [(units, cost) for _, _, units, cost in lots(purchase)] == [(100, 90)]


REFUSED = [
    # pack, wallet, order                                             field     message
    ({}, {}, {"pack": "other"}, "pack", "not on sale"),
    ({"archived_at": JAN}, {}, {}, "pack", "not on sale"),
    ({"sold_from": JAN + timedelta(days=1)}, {}, {}, "pack", "not on sale"),
    ({"sold_until": JAN}, {}, {}, "pack", "not on sale"),
    ({}, {"currency": "EUR"}, {}, "pack", "no price in EUR"),
    ({"unit": "money"}, {}, {}, "pack", "holds credits"),
    ({}, {"unit": "USD"}, {}, "pack", "holds USD"),
    ({"unit": "money"}, {"unit": "USD", "pays_invoices": True}, {}, "pack", "taxed twice"),
    ({}, {}, {"packs": 0}, "packs", "1 to 1,000"),
    ({}, {}, {"packs": 1001}, "packs", "1 to 1,000"),
    ({}, {}, {"units": D(5)}, "units", "a fixed size"),
    ({}, {}, {"reference": " "}, "reference", "1 to 120 characters"),
    ({}, {"closed_at": JAN}, {}, "wallet", "closed"),
    ({"units": None, "least_units": 10, "most_units": 20}, {}, {}, "units", "above zero"),
    ({"units": None, "least_units": 10, "most_units": 20}, {}, {"units": D(9)}, "units", "from 10 to 20"),
    ({"units": None, "least_units": 10, "most_units": 20}, {}, {"units": D(21)}, "units", "from 10 to 20"),
    (
        {"units": None, "least_units": 10, "most_units": 20},
        {},
        {"units": D(10), "packs": 2},
        "packs",
        "no fixed size",
    ),
    ({"prices": {"USD": "0.001"}}, {}, {}, "units", "price of this quantity"),
]


@pytest.mark.parametrize(("pack", "wallet", "order", "field", "message"), REFUSED)
def test_an_impossible_purchase_gives_the_reason(pack, wallet, order, field, message):
    make_pack("pack", **pack)
    with pytest.raises(PurchaseRefused, match=message) as refused:
        buy_pack(make_wallet(make_customer(), **wallet), **{"pack": "pack", **order})
    assert refused.value.field == field
    assert not Purchase.objects.exists()


def test_a_pack_of_money_that_pays_invoices_has_no_tax(wallet):
    money = make_wallet(wallet.customer, name="Money", unit="USD", pays_invoices=True)
    make_pack("pack", unit="money", is_taxed=False, units=100, prices={"USD": 95})
    purchase = buy_pack(money)
    tax = purchase.invoice.taxes.get()
    assert (tax.amount.amount, tax.rate, "voucher" in tax.reason) == (0, 0, True)
    pay(purchase)
    assert states_and_balance(purchase) == ("granted", "paid", 100)
