"""Scheduled tasks of wallets: lots expire or roll over, holds lapse, and starting lots repay debts."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from config.schedule import SCHEDULE
from customers.models import Notification
from tests.builders import JAN, make_customer, make_seller
from tests.clean_books import assert_clean
from tests.deadlines import ScriptedDeadline
from tests.docs_tables import rows
from tests.races import Running, together
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger import expiry_job
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.expiry_job import ExpiryRun, expire_due
from wallets.ledger.grant import Grant, grant
from wallets.ledger.hold import hold, release
from wallets.ledger.spend import SpendRequest, spend
from wallets.models import Hold, Lot, Wallet
from wallets.tasks import expire_lots

pytestmark = pytest.mark.django_db

D, DAY, HOUR = Decimal, timedelta(days=1), timedelta(hours=1)
END = JAN + 10 * DAY
DUE = END + HOUR
"""The end of the lots plus the hour for which the seller waits for late usage."""


def make_wallet(*grants: Grant, name: str = "Credits", **fields) -> Wallet:
    customer = fields.pop("customer", None) or make_customer()
    wallet = Wallet.objects.create(customer=customer, name=name, **fields)
    grant(wallet_id=wallet.pk, grants=grants, at=JAN)
    return wallet


def lot(amount: int = 10, source: str = "gift", **conditions) -> Grant:
    return Grant("promotional", D(amount), source, **{"expires_at": END, **conditions})


def balance(wallet: Wallet) -> Decimal:
    return Wallet.objects.get(pk=wallet.pk).balance


WHEN = [
    # grace         at                      balance
    (HOUR, END, 10, "late usage is waited for"),
    (HOUR, DUE - timedelta(microseconds=1), 10, "until the last instant"),
    (HOUR, DUE, 0, "and no longer"),
    (0 * HOUR, END, 0, "or not at all"),
    (0 * HOUR, END - timedelta(microseconds=1), 10, "but not before it ends"),
]


@pytest.mark.parametrize(("grace", "at", "expected", "why"), WHEN)
def test_a_lot_expires_after_its_sellers_grace_period(grace, at, expected, why):
    wallet = make_wallet(lot(), customer=make_customer(seller=make_seller(grace=grace)))
    expire_due(at=at)
    assert balance(wallet) == expected, why


def test_expired_units_can_not_be_held():
    """
    A reservation may have an earlier time than the expiry run that preceded it; the same units must not be reserved
    twice.
    """
    wallet = make_wallet(lot(), lot(4, "later", expires_at=None))
    expire_due(at=DUE)
    keep = {"customer_id": wallet.customer_id, "unit": "credits", "until": END + DAY}
    hold(request=SpendRequest(D(3), END - HOUR, "less"), **keep)
    with pytest.raises(LedgerRefused):
        hold(request=SpendRequest(D(2), END - HOUR, "more"), **keep)
    assert spend(wallet_id=wallet.pk, amount=D(2), reference="use", at=DUE, used_at=END - HOUR).units == 2
    assert_clean("wallets")


def test_rolled_over_units_expire_later():
    wallet = make_wallet(lot(rolls_over=1, rollover_most=D(4), rollover_days=5))
    assert (expire_due(at=DUE), balance(wallet)) == (ExpiryRun(expired=1), 4)
    assert (expire_due(at=DUE), balance(wallet)) == (ExpiryRun(), 4)
    assert (expire_due(at=DUE + 5 * DAY), balance(wallet)) == (ExpiryRun(expired=1), 0)


def test_the_rollover_maximum_counts_once_for_repeated_expiries():
    wallet = make_wallet(lot(rolls_over=1, rollover_most=D(4), rollover_days=5))
    use = SpendRequest(D(7), JAN, "kept")
    created_hold = hold(customer_id=wallet.customer_id, unit="credits", request=use, until=END + 2 * DAY)
    expire_due(at=DUE)
    release(hold_id=created_hold.pk, at=DUE + DAY)
    expire_due(at=DUE + DAY)
    # 3 of the 4 rollover units were free when the lot first expired, and 1 of the 7 that were released later.
    assert balance(wallet) == 4


def test_an_expiry_is_announced_once():
    wallet = make_wallet(lot(rolls_over=1, rollover_most=D(4)), lot(2, "other"))
    expire_due(at=DUE)
    expire_due(at=DUE)
    notification = Notification.objects.get()
    assert (notification.kind, notification.customer_id) == ("wallet.expired", wallet.customer_id)
    assert notification.facts == {"wallet": wallet.pk, "unit": "credits", "amount": "8", "balance": "4"}


def test_late_usage_reclaims_expired_units_and_the_rest_expires_again():
    wallet = make_wallet(lot())
    expire_due(at=DUE)
    spend(wallet_id=wallet.pk, amount=D(3), reference="late", at=DUE + HOUR, used_at=END - HOUR)
    assert (expire_due(at=DUE + HOUR), balance(wallet)) == (ExpiryRun(), 0)
    assert Lot.objects.get().expired == 7


def test_a_lot_behaves_as_documented():
    wallet = make_wallet(lot(rolls_over=1, rollover_most=D(4)))
    for number, row in enumerate(rows("wallets.md", "Expiry")):
        moment, action, *amount = row["step"].split()
        at = datetime.fromisoformat(f"2026-{moment}+00:00")
        if action == "swept":
            expire_due(at=at)
        else:
            spend(wallet_id=wallet.pk, amount=D(amount[0]), reference=str(number), at=max(at, DUE), used_at=at)
        breakage = sum(lot.expired for lot in Lot.objects.all())
        assert (balance(wallet), breakage) == (D(row["balance"]), D(row["breakage"])), row["why"]


def test_holds_lapse_and_their_units_expire():
    wallet = make_wallet(lot())
    use = SpendRequest(D(6), JAN, "kept")
    hold(customer_id=wallet.customer_id, unit="credits", request=use, until=END + 2 * DAY)
    assert (expire_due(at=DUE), balance(wallet)) == (ExpiryRun(expired=1), 6)
    assert (expire_due(at=END + 2 * DAY), balance(wallet)) == (ExpiryRun(lapsed=1, expired=1), 0)
    assert Hold.objects.get().state == "lapsed"


def test_a_lot_that_starts_repays_the_debt():
    wallet = make_wallet(lot(valid_from=JAN + DAY))
    spend(wallet_id=wallet.pk, amount=D(4), reference="a", at=JAN, at_zero=AtZeroPolicy.GRACE, limit=D(9))
    expire_due(at=JAN + DAY - HOUR)
    assert Wallet.objects.get(pk=wallet.pk).debt == 4
    expire_due(at=JAN + DAY)
    assert Wallet.objects.get(pk=wallet.pk).debt == 0
    assert Lot.objects.get().remaining == 6


def test_a_failing_wallet_does_not_block_others(monkeypatch, caplog):
    broken, sound = make_wallet(lot()), make_wallet(lot())

    def expire(*, wallet_id, **moment):
        if wallet_id == broken.pk:
            raise RuntimeError("a seal does not fit")
        return original(wallet_id=wallet_id, **moment)

    original = expiry_job.expire
    monkeypatch.setattr(expiry_job, "expire", expire)
    with caplog.at_level(logging.ERROR):
        assert expire_due(at=DUE) == ExpiryRun(expired=1, failed=1)
    assert (balance(broken), balance(sound)) == (10, 0)
    assert f"wallet {broken.pk}" in caplog.text
    assert "a seal does not fit" in caplog.text


def test_a_run_processes_all_batches():
    wallets = [make_wallet(lot()) for _ in range(5)]
    for wallet in wallets:
        hold(customer_id=wallet.customer_id, unit="credits", request=SpendRequest(D(1), JAN, "kept"), until=JAN + DAY)
    assert expire_due(at=DUE, batch_size=2) == ExpiryRun(lapsed=5, expired=5)


def test_an_interrupted_run_is_continued_by_the_next():
    wallets = [make_wallet(lot()) for _ in range(3)]
    turns = iter([True, False])
    assert expire_due(at=DUE, deadline=ScriptedDeadline(turns.__next__)) == ExpiryRun(expired=1)
    assert expire_due(at=DUE) == ExpiryRun(expired=2)
    assert [balance(wallet) for wallet in wallets] == [0, 0, 0]


def test_an_idle_run_takes_two_queries_for_any_number_of_wallets(django_assert_num_queries):
    for _ in range(5):
        make_wallet(lot())
    with django_assert_num_queries(2):
        expire_due(at=JAN)


def test_the_task_is_scheduled_each_minute():
    entry = SCHEDULE["wallets.expire_lots"]
    assert (entry["task"], entry["schedule"]) == (expire_lots.name, 60)
    assert expire_lots() == {"lapsed": 0, "expired": 0, "failed": 0}


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_share_the_wallets():
    wallets = [make_wallet(lot(rolls_over=1, rollover_most=D(3))) for _ in range(12)]
    done = together(*[lambda: expire_due(at=DUE)] * 4)
    assert sum(run.expired for run in done) + expire_due(at=DUE).expired == 12
    assert [balance(wallet) for wallet in wallets] == [3] * 12


def taking(amount: int, wallet: Wallet, action) -> bool:
    try:
        action(wallet, D(amount))
    except LedgerRefused:
        return False
    return True


def spending(wallet, amount):
    spend(wallet_id=wallet.pk, amount=amount, reference="use", at=END - HOUR)


def holding(wallet, amount):
    use = SpendRequest(amount, END - HOUR, "keep")
    hold(customer_id=wallet.customer_id, unit="credits", request=use, until=END + 9 * DAY)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", [spending, holding])
@pytest.mark.parametrize("number", range(5))
def test_concurrent_spends_and_expiries_share_the_lot_exactly(action, number):
    wallet = make_wallet(lot())
    succeeded, _ = together(lambda: taking(7, wallet, action), lambda: Running(lambda: expire_due(at=DUE)).run())
    expire_due(at=DUE)
    expired_lot = Lot.objects.get()
    assert (expired_lot.remaining - expired_lot.held, expired_lot.held) == (
        0,
        7 if succeeded and action is holding else 0,
    )
    # A spend reclaims units that expired before it arrived; a hold does not.
    assert expired_lot.expired == (3 if succeeded else 10)
    assert succeeded or action is holding
