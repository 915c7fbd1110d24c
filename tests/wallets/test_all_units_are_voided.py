"""Void all takes every unit that is not held out of a wallet, in one transaction and once."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from tests.builders import FEB, JAN, MAR, make_customer, make_feature, make_wallet
from tests.docs_tables import rows
from tests.races import Pause, start, wait_until_blocked
from wallets.ledger import adjustments
from wallets.ledger import spend as spend_module
from wallets.ledger.adjustments import WalletVoid, void_all
from wallets.ledger.errors import LedgerRefused, ReferenceConflict
from wallets.ledger.grant import Grant, grant
from wallets.ledger.hold import hold
from wallets.ledger.spend import SpendRequest, spend
from wallets.models import Entry, Lot, Transaction, Wallet

LATER = JAN + timedelta(days=1)


def wallet_of(*amounts, held=(), **conditions):
    wallet = make_wallet(make_customer())
    for number, amount in enumerate(amounts):
        terms = Grant("purchased", D(amount), f"pack {number}", cost=D(9), **conditions)
        grant(wallet_id=wallet.pk, grants=[terms], at=JAN)
    for number, amount in enumerate(held):
        if D(amount):
            request = SpendRequest(D(amount), JAN, f"run {number}")
            hold(customer_id=wallet.customer_id, unit="credits", request=request, until=FEB)
    return wallet


def void_everything(wallet, reference="void", at=LATER):
    return void_all(wallet_id=wallet.pk, reference=reference, reason="Contract canceled", at=at)


@pytest.mark.django_db
@pytest.mark.parametrize("row", rows("wallets.md", "Void all"), ids=lambda row: row["why"])
def test_a_wallet_is_voided_as_in_the_docs(row):
    wallet = wallet_of(*row["lots"].split(", "), held=row["held"].split(", "))
    if row["voided"] == "refused":
        with pytest.raises(LedgerRefused, match=f"reservations hold {row['stays']} credits"):
            void_everything(wallet)
        return
    assert void_everything(wallet) == WalletVoid(D(row["voided"]), D(row["stays"]), D(row["stays"]))
    movement = Transaction.objects.get(kind="void")
    world = Entry.objects.get(transaction=movement, account="world")
    assert (movement.units, world.money) == (-D(row["voided"]), D(row["cost"]))


@pytest.mark.django_db
def test_restricted_later_and_expired_lots_are_voided_too():
    wallet = wallet_of(1)
    terms = [
        Grant("bonus", D(2), "for a feature", features=[make_feature("runs").pk]),
        Grant("bonus", D(4), "later", valid_from=MAR),
        Grant("bonus", D(8), "waits for late usage", expires_at=LATER),
    ]
    grant(wallet_id=wallet.pk, grants=terms, at=JAN)
    assert void_everything(wallet, at=FEB).voided == 15
    assert not Lot.objects.filter(has_left=True).exists()


@pytest.mark.django_db
def test_a_debt_stays():
    wallet = make_wallet(at_zero="grace", grace=D(20))
    spend(wallet_id=wallet.pk, amount=D(5), reference="owed", at=JAN)
    grant(wallet_id=wallet.pk, grants=[Grant("bonus", D(2), "g", features=[make_feature("runs").pk])], at=JAN)
    assert void_everything(wallet) == WalletVoid(D(2), D(0), D(-5))


@pytest.mark.django_db
def test_a_repeated_request_voids_nothing_more():
    wallet = wallet_of(10)
    first = void_everything(wallet)
    grant(wallet_id=wallet.pk, grants=[Grant("bonus", D(5), "again")], at=LATER)
    assert void_everything(wallet) == first
    assert Wallet.objects.get().balance == 5
    with pytest.raises(ReferenceConflict):
        adjustments.void(lot_id=Lot.objects.last().pk, amount=D(1), reference="void", reason="x", at=LATER)


@pytest.mark.django_db
def test_an_empty_wallet_and_a_missing_reason_are_refused():
    with pytest.raises(LedgerRefused, match="The wallet is empty"):
        void_everything(make_wallet())
    with pytest.raises(LedgerRefused, match="Enter a reason"):
        void_all(wallet_id=wallet_of(1).pk, reference="v", reason=" ", at=LATER)


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_a_spend_in_progress_and_voids_the_rest(monkeypatch):
    wallet = wallet_of(10)
    pause = Pause.before(monkeypatch, spend_module, "write")
    first = start(lambda: spend(wallet_id=wallet.pk, amount=D(8), reference="s", at=JAN))
    pause.await_arrival()
    second = start(lambda: void_everything(wallet))
    wait_until_blocked()
    pause.release()
    first.result()
    assert second.result().voided == 2
