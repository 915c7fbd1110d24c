"""An operation on a wallet waits for the one in progress, and continues from its result."""

from datetime import timedelta
from decimal import Decimal as D
from itertools import groupby

import pytest
from django.db import transaction

from tests.builders import FEB, JAN, make_customer
from tests.races import Pause, start, wait_until_blocked
from wallets.ledger import spend as spend_module
from wallets.ledger.errors import InsufficientUnits
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.hold import commit, hold
from wallets.ledger.spend import SpendRequest, spend
from wallets.models import Entry, Transaction, Wallet

DAY = timedelta(days=1)


def wallet_of(amount, **conditions):
    wallet = Wallet.objects.create(customer=make_customer())
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(amount), "pack", cost=D(9), **conditions)], at=JAN)
    return wallet


def take(wallet, amount, reference, at=JAN + DAY):
    return spend(wallet_id=wallet.pk, amount=D(amount), reference=reference, at=at)


def balance_of(wallet):
    wallet.refresh_from_db()
    return wallet.balance


@pytest.mark.django_db(transaction=True)
def test_a_spend_waits_for_one_in_progress_and_uses_the_rest(monkeypatch):
    wallet = wallet_of(10)
    pause = Pause.before(monkeypatch, spend_module, "write")
    first = start(lambda: take(wallet, 8, "one"))
    pause.await_arrival()
    second = start(lambda: take(wallet, 8, "two"))
    wait_until_blocked()
    pause.release()
    assert first.result().balance == 2
    with pytest.raises(InsufficientUnits):
        second.result()
    assert balance_of(wallet) == 2


@pytest.mark.django_db(transaction=True)
def test_a_repeat_waits_for_the_first_and_returns_its_answer(monkeypatch):
    wallet = wallet_of(10)
    pause = Pause.before(monkeypatch, spend_module, "write")
    first = start(lambda: take(wallet, 8, "one"))
    pause.await_arrival()
    second = start(lambda: take(wallet, 8, "one"))
    wait_until_blocked()
    pause.release()
    assert first.result() == second.result()
    assert balance_of(wallet) == 2


@pytest.mark.django_db
def test_a_repeat_at_another_time_returns_the_first_answer():
    wallet = wallet_of(10)
    assert take(wallet, 3, "one") == take(wallet, 3, "one", at=FEB)
    assert Transaction.objects.filter(kind="spend").count() == 1


@pytest.mark.django_db
def test_a_repeated_commit_returns_the_earlier_balance():
    wallet = wallet_of(10)
    other = Wallet.objects.create(customer=wallet.customer, name="Other")
    grant(wallet_id=other.pk, grants=[Grant("purchased", D(5), "pack", cost=D(9))], at=JAN)
    run_hold = hold(
        customer_id=wallet.customer_id,
        unit="credits",
        request=SpendRequest(D(4), JAN + DAY, "run"),
        until=JAN + 2 * DAY,
    )
    first = commit(hold_id=run_hold.pk, amount=D(3), at=JAN + DAY)
    take(other, 1, "later")
    assert first.balance == 12
    assert commit(hold_id=run_hold.pk, amount=D(3), at=JAN + 3 * DAY) == first


@pytest.mark.django_db
def test_held_units_outlive_their_lot():
    wallet = wallet_of(10, expires_at=FEB)
    run_hold = hold(
        customer_id=wallet.customer_id,
        unit="credits",
        request=SpendRequest(D(4), JAN + DAY, "run"),
        until=FEB + 2 * DAY,
    )
    assert expire(wallet_id=wallet.pk, at=FEB + DAY, grace_period=timedelta(0)) == 1
    assert balance_of(wallet) == 4
    assert commit(hold_id=run_hold.pk, amount=D(4), at=FEB + DAY).units == 4


@pytest.mark.django_db
def test_entries_are_numbered_in_order_of_creation():
    wallet = Wallet.objects.create(customer=make_customer(), at_zero="grace", grace=D(20))
    take(wallet, 15, "owed")
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(9), name, cost=D(9)) for name in "ab"], at=FEB)
    kinds = Entry.objects.order_by("pk").values_list("transaction__kind", flat=True)
    assert [kind for kind, _ in groupby(kinds)] == ["spend", "grant", "repay", "grant", "repay"]


@pytest.mark.django_db(transaction=True)
def test_a_spend_is_rolled_back_with_its_transaction():
    wallet = wallet_of(10)
    with transaction.atomic():
        take(wallet, 3, "one")
        transaction.set_rollback(True)
    assert balance_of(wallet) == 10
