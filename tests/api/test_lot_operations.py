"""Operations on lots over HTTP take effect once, and an error gives its reason."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from customers.models import Notification
from tests.api.calls import problem
from tests.api.test_wallets import error_code, give
from tests.builders import make_customer
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, Transaction, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(seller):
    return Wallet.objects.create(customer=make_customer("acme", seller=seller), currency="EUR")


@pytest.fixture
def bought(wallet):
    (lot,) = grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(100), "p", cost=D(80))], at=timezone.now())
    return lot


def balance(live, wallet):
    return live.get(f"/wallets/{wallet.pk}").json()["balance"]


def test_a_key_makes_an_operation_take_effect_once(live, wallet):
    first = give(live, wallet.pk, "5", key="spring")
    assert give(live, wallet.pk, "5", key="spring") == first
    assert (first["source"], balance(live, wallet)) == ("api:spring", "5")
    problem(live.post(f"/wallets/{wallet.pk}/grants", {"amount": "6", "key": "spring"}), 409, "conflict")
    request_body = {"amount": "2", "key": "job"}
    assert (
        live.post(f"/wallets/{wallet.pk}/spend", request_body).json()
        == live.post(f"/wallets/{wallet.pk}/spend", request_body).json()
    )
    problem(live.post(f"/wallets/{wallet.pk}/spend", request_body | {"amount": "3"}), 409, "conflict")
    assert balance(live, wallet) == "3"
    (notification,) = Notification.objects.all()
    assert (notification.kind, notification.facts["amount"], notification.facts["unit"]) == (
        "wallet.granted",
        "5",
        "credits",
    )


def test_an_idempotency_key_works_too(live, wallet):
    for _ in range(2):
        live.post(f"/wallets/{wallet.pk}/grants", {"amount": "5"}, Idempotency_Key="k1")
    assert balance(live, wallet) == "5"


def test_spending_more_than_the_balance_is_rejected(live, wallet, bought):
    answer = live.post(f"/wallets/{wallet.pk}/spend", {"amount": "100.5"})
    assert error_code(answer, "amount") == "not_enough"
    assert "100 of 100.5 credits available" in answer.json()["detail"]
    assert balance(live, wallet) == "100"


GRANTS = [
    ({"amount": "0"}, "amount", "positive"),
    ({"amount": "0.0000000000001"}, "amount", "places"),
    ({"amount": "1", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "refused"),
    (
        {"amount": "1", "valid_from": "2020-01-01T00:00:00Z", "expires_at": "2020-02-01T00:00:00Z"},
        "expires_at",
        "refused",
    ),
    ({"amount": "1", "rolls_over": 1}, "rolls_over", "refused"),
    ({"amount": "1" + "0" * 37}, "amount", "most"),
    ({"amount": "1", "rollover_most": "1" + "0" * 37}, "rollover_most", "most"),
]


@pytest.mark.parametrize(("body", "field", "code"), GRANTS)
def test_an_invalid_grant_is_rejected(live, wallet, body, field, code):
    assert error_code(live.post(f"/wallets/{wallet.pk}/grants", body), field) == code


def test_a_grant_beyond_what_a_wallet_can_hold_is_a_conflict(live, wallet):
    most = {"amount": "1" + "0" * 18}
    assert live.post(f"/wallets/{wallet.pk}/grants", most).status_code == 201
    assert problem(live.post(f"/wallets/{wallet.pk}/grants", most), 409, "conflict")["detail"]
    assert balance(live, wallet) == most["amount"]


def test_a_lot_is_refunded_and_voided_down_to_zero(live, wallet, bought):
    path = f"/lots/{bought.pk}"
    assert live.post(f"{path}/refund", {"amount": "25", "reason": "canceled"}).json()["remaining"] == "75"
    repeated = {"amount": "5", "reason": "fraud", "key": "v1"}
    assert [live.post(f"{path}/void", repeated).json()["remaining"] for _ in range(2)] == ["70", "70"]
    assert live.post(f"{path}/void", {"reason": "all of it"}).json()["remaining"] == "0"
    assert error_code(live.post(f"{path}/void", {"reason": "once more"}), "amount") == "invalid"
    (refund,) = Transaction.objects.filter(kind="refund")
    assert (refund.reason, [(entry.account, entry.money) for entry in refund.entries.order_by("id")]) == (
        "canceled",
        [("wallet", D(-20)), ("world", D(20))],
    )


def test_a_wallet_is_voided_once(live, wallet, bought):
    path, body = f"/wallets/{wallet.pk}/void", {"reason": "canceled", "key": "v"}
    assert [live.post(path, body).json() for _ in range(2)] == [{"voided": "100", "held": "0", "balance": "0"}] * 2
    assert live.get(f"/lots/{bought.pk}").json()["remaining"] == "0"
    problem(live.post(path, {"reason": "once more"}), 422, "unprocessable")
    problem(live.post(path, {"reason": ""}), 400, "invalid-fields")


def test_a_lot_without_a_price_is_not_refunded(live, wallet):
    lot = give(live, wallet.pk, "5")["id"]
    assert error_code(live.post(f"/lots/{lot}/refund", {"reason": "x"}), "amount") == "refused"


def test_a_lots_expiry_is_only_extended(live, wallet):
    soon = timezone.now() + timedelta(days=1)
    lot = give(live, wallet.pk, "5", expires_at=soon.isoformat())["id"]
    later = (soon + timedelta(days=30)).isoformat()
    assert live.post(f"/lots/{lot}/extend", {"expires_at": later, "reason": "asked"}).status_code == 200
    assert Lot.objects.get().expires_at == soon + timedelta(days=30)
    answer = live.post(f"/lots/{lot}/extend", {"expires_at": soon.isoformat(), "reason": "no"})
    assert error_code(answer, "expires_at") == "refused"


def test_a_transfer_moves_value_to_another_wallet_with_its_cost(live, wallet, bought, seller):
    other = Wallet.objects.create(customer=wallet.customer, name="Spare", currency="EUR")
    request_body = {"to": other.pk, "amount": "40", "reason": "asked", "key": "t1"}
    responses = [live.post(f"/wallets/{wallet.pk}/transfer", request_body).json() for _ in range(2)]
    assert responses[0] == responses[1]
    assert [(entry["amount"], entry["cost"]) for entry in responses[0]] == [
        ("40", {"amount": "32.00", "currency": "EUR"})
    ]
    assert (balance(live, wallet), balance(live, other)) == ("60", "40")
    strange = Wallet.objects.create(customer=make_customer("other", seller=seller))
    dollars = Wallet.objects.create(customer=wallet.customer, name="Dollars", currency="USD")
    for to in (strange, dollars, wallet):
        assert (
            error_code(live.post(f"/wallets/{wallet.pk}/transfer", request_body | {"to": to.pk}), "to") == "refused"
        )
