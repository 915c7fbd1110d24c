"""A version's price list is read as one JSON object and put into a draft, atomically."""

import pytest

from plans.models import PlanVersion, Rate
from tests.api.calls import Caller, faults
from tests.builders import fee, make_plan, offer, publish, rate, tier

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller():
    return Caller()


@pytest.fixture
def live():
    offers = [offer("calls", included="100", rates=[rate(tiers=[tier(10, "0.05"), tier(None, "0.000000000001")])])]
    return publish(make_plan("pro", fees=[fee("19.99")], offers=offers))


ADDRESS = "/plans/pro/versions/{}/price-list"


def price_list_of(caller, number=1):
    return caller.get(ADDRESS.format(number)).json()


def put(caller, body, number=2, query=""):
    return caller.send("PUT", ADDRESS.format(number) + query, body)


def test_a_price_list_read_and_put_makes_an_equal_version(caller, live):
    draft = make_plan("pro")
    answer = put(caller, price_list_of(caller))
    assert answer.status_code == 200
    assert [change["kind"] for change in answer.json()["changes"]] == ["added"] * len(answer.json()["changes"])
    assert price_list_of(Caller(sandbox=True), 2) == price_list_of(caller)
    assert put(caller, price_list_of(caller)).json() == {"changes": []}
    assert draft.features.get().included == 100


def test_numbers_are_text_with_every_digit(caller, live):
    (feature,) = price_list_of(caller)["features"]
    (price,) = feature["prices"]
    assert [tier["unit_price"] for tier in price["rates"][0]["tiers"]] == ["0.05", "0.000000000001"]
    assert (feature["feature"], feature["included"], price["currency"]) == ("calls", "100", "USD")


def test_a_dry_run_lists_the_changes_and_stores_nothing(caller, live):
    make_plan("pro")
    assert put(caller, price_list_of(caller), query="?dry_run=true").json()["changes"]
    assert not PlanVersion.objects.get(number=2).features.exists()


def test_a_published_version_rejects_a_price_list(caller, live):
    assert faults(put(caller, price_list_of(caller), number=1)) == {"version": "no_draft"}


WRONG = [
    # path to the value                            value     field
    (("features", 0, "feature"), "none", "features.0.feature"),
    (("features", 0, "prices", 0, "currency"), "XYZ", "features.0.prices.0.currency"),
    (("features", 0, "prices", 0, "rates", 0, "model"), "free", "features.0.prices.0.rates.0.model"),
    (("features", 0, "prices", 0, "rates", 0, "tiers", 0, "unit_price"), "-1", None),
    (("features", 0, "prices", 0, "rates", 0, "tiers", 0, "up_to"), None, None),
    (("fees", 0, "amount"), [], "fees.0.amount"),
    (("fees", 0, "color"), "red", "fees.0.color"),
    (("fees",), {}, "fees"),
    (("interval_count",), 0, None),
    (("interval_count",), 1.5, "interval_count"),
]


@pytest.mark.parametrize(("path", "value", "field"), WRONG, ids=[f"{path[-1]} {value}" for path, value, _ in WRONG])
def test_an_invalid_value_names_the_field_and_nothing_is_stored(caller, live, path, value, field):
    make_plan("pro")
    body = whole = price_list_of(caller)
    *steps, last = path
    for step in steps:
        whole = whole[step]
    whole[last] = value
    faulty_fields = faults(put(caller, body))
    assert field is None or set(faulty_fields) == {field}, faulty_fields
    assert faulty_fields
    assert Rate.objects.count() == 1


@pytest.mark.parametrize("body", [[], "x", 7, None, {"features": [7]}])
def test_a_body_that_is_no_price_list_is_rejected(caller, live, body):
    make_plan("pro")
    assert put(caller, body).status_code == 400


def test_a_read_only_key_can_not_put_a_price_list(live):
    make_plan("pro")
    assert put(Caller(scopes=["read"]), {}).status_code == 403
