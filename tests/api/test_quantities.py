"""Seats and add-ons over HTTP: set at the start, changed, shown."""

import pytest

from billing.models import SubscriptionQuantity
from tests.api.calls import problem
from tests.builders import fee, make_customer, make_plan, publish

BODY = {"id": "acme-pro", "customer": "acme", "plan": "pro"}


@pytest.fixture
def pro(seller):
    make_customer("acme", seller=seller)
    fees = [
        fee("20"),
        fee("10", label="Seats", basis="seat", included=2, least=1, most=50),
        fee("30", label="Support", basis="add_on"),
    ]
    return publish(make_plan("pro", fees=fees))


def test_a_subscription_starts_with_the_minimum_quantities(live, pro):
    quantities = live.post("/subscriptions", BODY).json()["quantities"]
    assert quantities == [
        {"fee": "seats", "label": "Seats", "quantity": 1, "included": 2, "upcoming": []},
        {"fee": "support", "label": "Support", "quantity": 0, "included": 0, "upcoming": []},
    ]


def test_a_subscription_starts_with_the_requested_quantities(live, pro):
    payload = live.post("/subscriptions", BODY | {"quantities": {"seats": 5}}).json()
    assert payload["quantities"][0]["quantity"] == 5


def test_a_quantity_changes_now_and_once(live, pro):
    live.post("/subscriptions", BODY)
    for _ in range(2):
        response = live.send(
            "PUT", "/subscriptions/acme-pro/quantities/seats", {"quantity": 7, "reason": "two teams"}
        )
        assert response.status_code == 200
        assert response.json()["quantities"][0]["quantity"] == 7
    assert SubscriptionQuantity.objects.get().reason == "two teams"


def test_current_usage_shows_quantities(live, pro):
    live.post("/subscriptions", BODY | {"quantities": {"seats": 5}})
    (period,) = live.get("/customers/acme/usage").json()["periods"]
    assert [(quantity["fee"], quantity["quantity"]) for quantity in period["quantities"]] == [
        ("seats", 5),
        ("support", 0),
    ]


def test_a_scheduled_change_is_shown_and_takes_effect_later(live, pro):
    live.post("/subscriptions", BODY)
    since = "2190-01-01T00:00:00Z"
    payload = live.send("PUT", "/subscriptions/acme-pro/quantities/seats", {"quantity": 7, "since": since}).json()
    assert payload["quantities"][0] | {"label": ""} == {
        "fee": "seats",
        "label": "",
        "quantity": 1,
        "included": 2,
        "upcoming": [{"since": since, "quantity": 7}],
    }


@pytest.mark.parametrize(
    ("fee_code", "body", "message"),
    [
        ("seats", {"quantity": 0}, "0 is out of range. Enter 1 to 50"),
        ("seats", {"quantity": 51}, "51 is out of range. Enter 1 to 50"),
        ("base-fee", {"quantity": 1}, "has no fee “base-fee” per seat or add-on: seats, support"),
        ("seats", {"quantity": 2, "since": "2020-01-01T00:00:00Z"}, "it starts then"),
    ],
)
def test_a_quantity_is_refused_in_words(live, pro, fee_code, body, message):
    live.post("/subscriptions", BODY)
    refused = live.send("PUT", f"/subscriptions/acme-pro/quantities/{fee_code}", body)
    assert message in problem(refused, 422, "unprocessable")["detail"]
    assert not SubscriptionQuantity.objects.exists()


def test_a_quantity_of_an_unknown_fee_is_rejected(live, pro):
    refused = live.post("/subscriptions", BODY | {"quantities": {"desks": 1}})
    assert "has no fee “desks”" in problem(refused, 422, "unprocessable")["detail"]


def test_a_list_takes_as_many_queries_for_any_length(live, pro, django_assert_num_queries):
    make_customer("globex", seller=make_customer("third").seller)
    live.post("/subscriptions", BODY)
    live.get("/subscriptions")
    with django_assert_num_queries(6):
        live.get("/subscriptions")
    live.post("/subscriptions", BODY | {"id": "second", "customer": "globex", "quantities": {"seats": 3}})
    with django_assert_num_queries(6):
        live.get("/subscriptions")
