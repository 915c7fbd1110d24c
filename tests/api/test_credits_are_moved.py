"""What is done to lots over HTTP happens once, and what cannot be done says why."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from customers.models import Notification
from tests.api.calls import problem
from tests.api.test_wallets import give, told
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


def test_a_key_names_what_happens_once(live, wallet):
    first = give(live, wallet.pk, "5", key="spring")
    assert give(live, wallet.pk, "5", key="spring") == first
    assert (first["source"], balance(live, wallet)) == ("api:spring", "5")
    problem(live.post(f"/wallets/{wallet.pk}/grants", {"amount": "6", "key": "spring"}), 409, "conflict")
    sent = {"amount": "2", "key": "job"}
    assert (
        live.post(f"/wallets/{wallet.pk}/spend", sent).json() == live.post(f"/wallets/{wallet.pk}/spend", sent).json()
    )
    problem(live.post(f"/wallets/{wallet.pk}/spend", sent | {"amount": "3"}), 409, "conflict")
    assert balance(live, wallet) == "3"
    (notice,) = Notification.objects.all()
    assert (notice.kind, notice.facts["amount"], notice.facts["unit"]) == ("wallet.granted", "5", "credits")


def test_an_idempotency_key_does_as_well(live, wallet):
    for _ in range(2):
        live.post(f"/wallets/{wallet.pk}/grants", {"amount": "5"}, Idempotency_Key="k1")
    assert balance(live, wallet) == "5"


def test_there_is_no_more_to_spend_than_there_is(live, wallet, bought):
    answer = live.post(f"/wallets/{wallet.pk}/spend", {"amount": "100.5"})
    assert told(answer, "amount") == "not_enough"
    assert "100 are available" in answer.json()["detail"]
    assert balance(live, wallet) == "100"


GRANTS = [
    ({"amount": "0"}, "amount", "invalid"),
    ({"amount": "0.0000000000001"}, "amount", "invalid"),
    ({"amount": "1", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "refused"),
    ({"amount": "1", "rolls_over": 1}, "rolls_over", "refused"),
    ({"amount": "1" + "0" * 37}, "amount", "invalid"),
    ({"amount": "1", "rollover_most": "1" + "0" * 37}, "rollover_most", "refused"),
]


@pytest.mark.parametrize(("body", "field", "code"), GRANTS)
def test_a_grant_that_is_none_is_refused(live, wallet, body, field, code):
    assert told(live.post(f"/wallets/{wallet.pk}/grants", body), field) == code


def test_a_lot_is_refunded_and_voided_down_to_nothing(live, wallet, bought):
    path = f"/lots/{bought.pk}"
    assert live.post(f"{path}/refund", {"amount": "25", "reason": "canceled"}).json()["remaining"] == "75"
    repeated = {"amount": "5", "reason": "fraud", "key": "v1"}
    assert [live.post(f"{path}/void", repeated).json()["remaining"] for _ in range(2)] == ["70", "70"]
    assert live.post(f"{path}/void", {"reason": "all of it"}).json()["remaining"] == "0"
    assert told(live.post(f"{path}/void", {"reason": "once more"}), "amount") == "invalid"
    (refund,) = Transaction.objects.filter(kind="refund")
    assert (refund.reason, [(entry.account, entry.money) for entry in refund.entries.order_by("id")]) == (
        "canceled",
        [("wallet", D(-20)), ("world", D(20))],
    )


def test_what_nobody_paid_for_is_not_refunded(live, wallet):
    lot = give(live, wallet.pk, "5")["id"]
    assert told(live.post(f"/lots/{lot}/refund", {"reason": "x"}), "amount") == "refused"


def test_a_lot_lasts_longer_and_never_shorter(live, wallet):
    soon = timezone.now() + timedelta(days=1)
    lot = give(live, wallet.pk, "5", expires_at=soon.isoformat())["id"]
    later = (soon + timedelta(days=30)).isoformat()
    assert live.post(f"/lots/{lot}/extend", {"expires_at": later, "reason": "asked"}).status_code == 200
    assert Lot.objects.get().expires_at == soon + timedelta(days=30)
    answer = live.post(f"/lots/{lot}/extend", {"expires_at": soon.isoformat(), "reason": "no"})
    assert told(answer, "expires_at") == "refused"


def test_value_goes_to_another_wallet_of_the_customer_with_its_cost(live, wallet, bought, seller):
    other = Wallet.objects.create(customer=wallet.customer, name="Spare", currency="EUR")
    sent = {"to": other.pk, "amount": "40", "reason": "asked", "key": "t1"}
    made = [live.post(f"/wallets/{wallet.pk}/transfer", sent).json() for _ in range(2)]
    assert made[0] == made[1]
    assert [(one["amount"], one["cost"]) for one in made[0]] == [("40", {"amount": "32.00", "currency": "EUR"})]
    assert (balance(live, wallet), balance(live, other)) == ("60", "40")
    strange = Wallet.objects.create(customer=make_customer("other", seller=seller))
    dollars = Wallet.objects.create(customer=wallet.customer, name="Dollars", currency="USD")
    for to in (strange, dollars, wallet):
        assert told(live.post(f"/wallets/{wallet.pk}/transfer", sent | {"to": to.pk}), "to") == "refused"
