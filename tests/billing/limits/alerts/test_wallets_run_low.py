"""A wallet that runs low is told of until it is topped up, and credits before they expire."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from tests.billing.limits.alerts.test_a_rule_holds_for_its_scope import guard
from tests.billing.limits.alerts.world import MINUTE, NOW, alerts, look, told
from tests.builders import JAN, make_customer
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

DAY = timedelta(days=1)


@pytest.fixture
def wallet():
    made = Wallet.objects.create(customer=make_customer("acme"))
    put(made, 100, "pack-1")
    return made


def put(wallet, amount, source, *, kind="purchased", at=JAN, **conditions):
    grant(wallet_id=wallet.pk, grants=[Grant(kind, D(amount), source, **conditions)], at=at)


def burn(wallet, amount, reference, *, at=NOW):
    spend(wallet_id=wallet.pk, amount=D(amount), reference=reference, used_at=at, at=at)


def test_it_is_told_below_a_fifth_of_what_was_bought_and_recovers_with_the_next_purchase(wallet):
    burn(wallet, 80, "a")
    look()
    assert alerts() == []
    burn(wallet, 1, "b")
    look()
    [one] = told()
    assert (one["value"], one["limit"], one["unit"], one["remedy"]) == ("19", "100", "credits", "top_up")
    assert (one["wallet"], one["wallet_name"], one["period_end"]) == (wallet.pk, "Wallet", None)
    put(wallet, 100, "pack-2", at=NOW + MINUTE)
    look(NOW + 2 * MINUTE)
    assert alerts() == [("low_balance", 20, "recovered")]
    assert [one["value"] for one in told("alert.recovered")] == ["119"]
    burn(wallet, 100, "c", at=NOW + 3 * MINUTE)
    look(NOW + 4 * MINUTE)
    assert alerts() == [("low_balance", 20, "recovered"), ("low_balance", 20, "open")]


def test_a_purchase_that_is_not_enough_leaves_it_low_without_telling_again(wallet):
    burn(wallet, 99, "a")
    look()
    put(wallet, 1000, "pack-2", at=NOW + MINUTE)
    burn(wallet, 1000, "b", at=NOW + MINUTE)
    look(NOW + 2 * MINUTE)
    assert alerts() == [("low_balance", 20, "open")]


def test_a_gift_does_not_change_what_is_low(wallet):
    put(wallet, 1, "gift", kind="promotional", at=JAN + DAY)
    burn(wallet, 82, "a")
    look()
    assert [one["limit"] for one in told()] == ["100"]


def test_an_amount_takes_the_place_of_the_percentage(wallet):
    guard("low_balance", amount=50, levels=[100], customer=wallet.customer)
    burn(wallet, 51, "a")
    look()
    assert [(one["threshold"], one["limit"], one["value"]) for one in told()] == [(100, "50", "49")]


def test_what_expires_is_told_seven_days_before_and_once(wallet):
    put(wallet, 30, "promo", kind="promotional", expires_at=NOW + 7 * DAY)
    look(NOW - MINUTE)
    assert alerts() == []
    look(NOW + 31 * MINUTE)
    [one] = told()
    assert (one["kind"], one["value"], one["threshold"], one["limit"]) == ("expiring", "30", 7, None)
    assert one["period_end"] == (NOW + 7 * DAY).isoformat()
    look(NOW + DAY)
    assert alerts() == [("expiring", 7, "open")]


def test_credits_that_were_used_in_time_recover_without_a_word(wallet):
    put(wallet, 30, "promo", kind="promotional", expires_at=NOW + 7 * DAY)
    look(NOW + DAY)
    burn(wallet, 30, "a", at=NOW + DAY)
    look(NOW + DAY + MINUTE)
    assert (alerts(), told("alert.recovered")) == ([("expiring", 7, "recovered")], [])


def test_what_rolls_over_whole_is_not_lost(wallet):
    put(wallet, 30, "monthly", kind="included", expires_at=NOW + 7 * DAY, rolls_over=1)
    look(NOW + DAY)
    assert alerts() == []
