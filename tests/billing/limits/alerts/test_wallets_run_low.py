"""A low balance fires an alert until the wallet is topped up; expiring credits fire facts before they expire."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from tests.billing.limits.alerts.alert_setup import MINUTE, NOW, alerts, announced_facts, evaluate
from tests.billing.limits.alerts.test_a_rule_applies_to_its_scope import set_rule
from tests.builders import JAN, make_customer
from tests.clean_books import clean_after_test
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet

clean_books = clean_after_test("limits", "wallets", "access")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

DAY = timedelta(days=1)


@pytest.fixture
def wallet():
    wallet = Wallet.objects.create(customer=make_customer("acme"))
    add_lot(wallet, 100, "pack-1")
    return wallet


def add_lot(wallet, amount, source, *, kind="purchased", at=JAN, **conditions):
    grant(wallet_id=wallet.pk, grants=[Grant(kind, D(amount), source, **conditions)], at=at)


def spend_credits(wallet, amount, reference, *, at=NOW):
    spend(wallet_id=wallet.pk, amount=D(amount), reference=reference, used_at=at, at=at)


def test_it_fires_below_a_fifth_of_the_purchased_credits_and_recovers_with_the_next_purchase(wallet):
    spend_credits(wallet, 80, "a")
    evaluate()
    assert alerts() == []
    spend_credits(wallet, 1, "b")
    evaluate()
    [facts] = announced_facts()
    assert (facts["value"], facts["limit"], facts["unit"], facts["remedy"]) == ("19", "100", "credits", "top_up")
    assert (facts["wallet"], facts["wallet_name"], facts["period_end"]) == (wallet.pk, "Wallet", None)
    add_lot(wallet, 100, "pack-2", at=NOW + MINUTE)
    evaluate(NOW + 2 * MINUTE)
    assert alerts() == [("low_balance", 20, "recovered")]
    assert [facts["value"] for facts in announced_facts("alert.recovered")] == ["119"]
    spend_credits(wallet, 100, "c", at=NOW + 3 * MINUTE)
    evaluate(NOW + 4 * MINUTE)
    assert alerts() == [("low_balance", 20, "recovered"), ("low_balance", 20, "open")]


def test_a_purchase_that_is_too_small_does_not_fire_again(wallet):
    spend_credits(wallet, 99, "a")
    evaluate()
    add_lot(wallet, 1000, "pack-2", at=NOW + MINUTE)
    spend_credits(wallet, 1000, "b", at=NOW + MINUTE)
    evaluate(NOW + 2 * MINUTE)
    assert alerts() == [("low_balance", 20, "open")]


def test_promotional_credits_do_not_change_the_threshold(wallet):
    add_lot(wallet, 1, "gift", kind="promotional", at=JAN + DAY)
    spend_credits(wallet, 82, "a")
    evaluate()
    assert [facts["limit"] for facts in announced_facts()] == ["100"]


def test_an_amount_replaces_the_percentage(wallet):
    set_rule("low_balance", amount=50, levels=[100], customer=wallet.customer)
    spend_credits(wallet, 51, "a")
    evaluate()
    assert [(facts["threshold"], facts["limit"], facts["value"]) for facts in announced_facts()] == [
        (100, "50", "49")
    ]


def test_expiring_credits_fire_once_seven_days_before(wallet):
    add_lot(wallet, 30, "promo", kind="promotional", expires_at=NOW + 7 * DAY)
    evaluate(NOW - MINUTE)
    assert alerts() == []
    evaluate(NOW + 31 * MINUTE)
    [facts] = announced_facts()
    assert (facts["kind"], facts["value"], facts["threshold"], facts["limit"]) == ("expiring", "30", 7, None)
    assert facts["period_end"] == (NOW + 7 * DAY).isoformat()
    evaluate(NOW + DAY)
    assert alerts() == [("expiring", 7, "open")]


def test_credits_used_in_time_recover_without_notification(wallet):
    add_lot(wallet, 30, "promo", kind="promotional", expires_at=NOW + 7 * DAY)
    evaluate(NOW + DAY)
    spend_credits(wallet, 30, "a", at=NOW + DAY)
    evaluate(NOW + DAY + MINUTE)
    assert (alerts(), announced_facts("alert.recovered")) == ([("expiring", 7, "recovered")], [])


def test_credits_that_roll_over_in_full_do_not_fire(wallet):
    add_lot(wallet, 30, "monthly", kind="included", expires_at=NOW + 7 * DAY, rolls_over=1)
    evaluate(NOW + DAY)
    assert alerts() == []
