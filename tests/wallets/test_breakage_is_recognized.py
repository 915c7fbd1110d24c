"""Breakage becomes revenue at expiry or in proportion to use, with the same total in the end."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import FEB, JAN, MAR, make_customer, make_seller
from tests.docs_tables import rows
from wallets.credit_rules.breakage import BreakagePolicy, LotMonth, breakage_by_month
from wallets.ledger.adjustments import refund
from wallets.ledger.expiry_job import expire_due
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet
from wallets.statements.breakage_report import breakage_of

D, DAY = Decimal, timedelta(days=1)


def figures(text: str) -> list[Decimal]:
    return [D(number) for number in text.split(",")]


def recognized(moved, policy, percent) -> list[Decimal]:
    return [amount for _, amount in breakage_by_month(moved, policy=policy, expected=D(percent) / 100)]


@pytest.mark.parametrize("row", rows("wallets.md", "Breakage"), ids=lambda row: row["why"])
def test_credits_are_granted_as_documented(row):
    used, expired = figures(row["used"]), figures(row["expired"])
    moved = [
        LotMonth(f"2026-0{place + 1}", D(0 if place else 90), *both)
        for place, both in enumerate(zip(used, expired, strict=True))
    ]
    assert recognized(moved, BreakagePolicy.EXPIRY, row["expected"]) == figures(row["by expiry"])
    assert recognized(moved, BreakagePolicy.PROPORTIONAL, row["expected"]) == figures(row["in proportion"])


cents = st.integers(0, 10_000).map(lambda n: D(n) / 100)


@given(st.lists(st.tuples(cents, cents), min_size=1, max_size=12), st.integers(0, 99))
def test_it_never_exceeds_the_rest_and_both_policies_have_the_same_total(months, percent):
    basis = sum((used + expired for used, expired in months), D(0)) + 50
    moved = [LotMonth(str(place), D(0), *used_and_expired) for place, used_and_expired in enumerate(months)]
    moved[0] = moved[0]._replace(basis=basis)
    by_use = recognized(moved, BreakagePolicy.PROPORTIONAL, percent)
    used = expired = so_far = D(0)
    for month, amount in zip(moved, by_use, strict=True):
        used, expired, so_far = used + month.used, expired + month.expired, so_far + amount
        assert expired <= so_far <= basis - used
    with_last_month = [*moved, LotMonth("z", D(0), D(20), D(30))]
    assert sum(recognized(with_last_month, BreakagePolicy.PROPORTIONAL, percent)) == sum(
        recognized(with_last_month, BreakagePolicy.EXPIRY, percent)
    )


@pytest.fixture
def wallet(db):
    seller = make_seller(breakage="proportional", breakage_percent=D(10), grace=timedelta(0))
    return Wallet.objects.create(customer=make_customer(seller=seller))


def spend_and_expire(wallet):
    lots = [
        Grant("purchased", D(100), "pack", cost=D(90), expires_at=MAR),
        Grant("promotional", D(50), "gift", priority=90, expires_at=MAR),
    ]
    pack, _ = grant(wallet_id=wallet.pk, grants=lots, at=JAN)
    spend(wallet_id=wallet.pk, amount=D(45), reference="january", at=JAN + DAY)
    refund(lot_id=pack.pk, amount=D(10), reference="back", reason="Asked for", at=FEB)
    spend(wallet_id=wallet.pk, amount=D(27), reference="february", at=FEB)
    expire_due(at=MAR)


def breakage_rows(wallet):
    return [
        (
            month.month,
            *(float(getattr(month, name)) for name in ("granted", "used", "expired", "recognized", "deferred")),
        )
        for month in breakage_of(wallet.customer.seller)
    ]


def test_it_is_read_from_the_ledger_month_by_month(wallet):
    spend_and_expire(wallet)
    assert breakage_rows(wallet) == [
        ("2026-01", 90, 40.5, 0, 4.5, 45),
        ("2026-02", -9, 24.3, 0, 2.7, 9),
        ("2026-03", 0, 0, 16.2, 9, 0),
    ]


def test_by_expiry_it_equals_the_breakage_of_the_ledger(wallet):
    spend_and_expire(wallet)
    seller = wallet.customer.seller
    seller.breakage = "expiry"
    assert [(float(month.expired), float(month.recognized)) for month in breakage_of(seller)] == [
        (0, 0),
        (0, 0),
        (16.2, 16.2),
    ]


def test_promotional_and_sandbox_grants_are_no_revenue(wallet):
    other = Wallet.objects.create(customer=make_customer(sandbox=True, seller=wallet.customer.seller))
    gift = [Grant("promotional", D(50), "gift", expires_at=FEB)]
    grant(wallet_id=wallet.pk, grants=gift, at=JAN)
    grant(wallet_id=other.pk, grants=[Grant("purchased", D(9), "pack", cost=D(9), expires_at=FEB)], at=JAN)
    expire_due(at=FEB)
    assert breakage_rows(wallet) == []
