"""A paid top-up has an invoice and a cost; a free one is a grant, which has neither and earns nothing."""

from decimal import Decimal as D

import pytest

from invoices.models import Invoice
from tests.builders import JAN, make_customer, make_pack, make_tax, make_wallet
from tests.docs_tables import rows
from wallets.ledger.adjustments import refund
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.spend import spend
from wallets.models import Entry, Lot

pytestmark = pytest.mark.django_db


def top_up(live, wallet, row):
    if row["top-up"] == "free":
        body = {"amount": "100", "kind": row["kind"]}
        assert live.post(f"/wallets/{wallet.pk}/grants", body).status_code == 201
        return
    make_pack("hundred", prices={"EUR": 99})
    purchase = live.post(f"/wallets/{wallet.pk}/purchases", {"pack": "hundred", "reference": "one"}).json()
    assert live.post(f"/invoices/{purchase['invoice']}/payments", {"reference": "bank"}).status_code == 201


@pytest.mark.parametrize("row", rows("wallets.md", "Free top-ups"), ids=lambda row: row["kind"])
def test_a_top_up_has_the_effect_of_the_docs(live, seller, row):
    make_tax(19, seller=seller)
    wallet = make_wallet(make_customer("acme", seller=seller), currency="EUR")
    top_up(live, wallet, row)
    wallet.refresh_from_db()
    lot = Lot.objects.get()
    assert (lot.kind, wallet.balance, lot.cost) == (row["kind"], D(row["balance"]), D(row["cost"]))
    assert [invoice.total.amount for invoice in Invoice.objects.all()] == [
        D(total) for total in row["invoice"].split()
    ]
    spend(wallet_id=wallet.pk, amount=D(30), reference="usage", at=lot.granted_at)
    earned = sum(Entry.objects.filter(account="earned").values_list("money", flat=True))
    assert earned == D(row["revenue from 30 units"])


def test_free_units_are_not_refunded(live, seller):
    wallet = make_wallet(make_customer("acme", seller=seller), currency="EUR")
    live.post(f"/wallets/{wallet.pk}/grants", {"amount": "100", "kind": "bonus"})
    with pytest.raises(LedgerRefused, match="The lot was free"):
        refund(lot_id=Lot.objects.get().pk, amount=D(1), reference="r", reason="asked", at=JAN)
