"""The pricing table shows the public plans by the prices that bill, and announces the scheduled ones."""

import html
import re
from decimal import Decimal
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customers.models import Seller
from plans.catalog.stored_terms import clear_terms_cache
from plans.models import Plan, PlanVersion
from tests.api.calls import Caller, faults
from tests.builders import JAN, MAR, fee, included, make_feature, make_plan, make_seller, offer, publish, rate, tier

pytestmark = pytest.mark.django_db
SITE = "https://www.lumenfold.example"


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(JAN, tick=False):
        yield JAN


@pytest.fixture
def lumenfold(db) -> Seller:
    """Return a seller with two plans, of which the dearer one changes its prices in March."""
    seller = make_seller("lumenfold", legal_name="Lumenfold", frame_ancestors=[SITE], locale="en_US")
    single_sign_on, history = make_feature("sso", kind="boolean"), make_feature("history", kind="static")
    ladder = [rate(tiers=[tier(250_000, "0.000004"), tier(None, "0.0000018", "1.5")])]
    starter = make_plan(
        "starter",
        fees=[fee(29), fee(27, currency="EUR")],
        offers=[offer("requests", included=100_000, consumption="hard_cap"), offer(history, static_value="30 days")],
    )
    scale_offers = [
        offer("tokens", prices={"USD": ladder, "EUR": [rate("0.000003")]}),
        offer("requests", included=300, prices={"USD": [rate("0.0005")], "EUR": [rate("0.0004")]}),
        offer(single_sign_on),
        offer(history, static_value="365 days"),
    ]
    scale = make_plan(
        "scale",
        fees=[fee(99), fee(95, currency="EUR"), fee(10, kind="one_time"), fee(9, kind="one_time", currency="EUR")],
        offers=scale_offers,
        trial_days=14,
    )
    later = make_plan(
        "scale",
        fees=[fee(109)],
        offers=[
            offer("tokens", rates=ladder),
            offer("requests", included=1_000, rates=[rate("0.0005")]),
            offer(history, static_value="365 days"),
        ],
        trial_days=14,
        credits=[included(50)],
    )
    publish(starter)
    publish(scale)
    publish(later, effective_from=MAR)
    publish(make_plan("secret", fees=[fee(1)]))
    make_plan("draft", fees=[fee(2)])
    Plan.objects.exclude(code="secret").update(is_public=True)
    return seller


def page(client, seller: str = "lumenfold", **query) -> str:
    """Return the text of the page, with one space between its words."""
    response = client.get(f"/pricing/{seller}?{urlencode(query, doseq=True)}")
    assert response.status_code == 200
    body = response.content.decode().partition("<main>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_public_plans_are_described_by_their_prices(lumenfold, client):
    text = page(client)

    assert text.index("Starter $29.00 each month") < text.index("Scale $99.00 each month")
    assert "Secret" not in text
    assert "Draft" not in text
    for part in (
        "100,000 calls included each month.",
        "Further requests are declined.",
        "Setup fee $10.00 once",
        "Trial 14 days without fees",
        "plus $1.50",
        "300",
        "history 365 days",
        "sso Not included",
        "sso Included",
        "Prices are before tax.",
    ):
        assert part in text


def test_scheduled_prices_are_announced_by_what_changes(lumenfold, client):
    announced = page(client, plan="scale").partition("From March 1, 2026:")[2]

    assert "Base fee: $109.00 each month" in announced
    assert "1,000" in announced
    assert "Prepaid balance: Includes 50 credits each billing period." in announced
    assert "sso: no longer included" in announced
    assert "Setup fee: no longer charged" in announced
    for same in ("tokens", "history", "Trial"):
        assert same not in announced


def test_scheduled_prices_are_the_prices_once_they_are_in_force(lumenfold, client):
    with time_machine.travel(MAR, tick=False):
        text = page(client, plan="scale")

    assert "$109.00 each month" in text
    assert "From " not in text


def test_a_plan_without_a_successor_says_until_when_it_is_offered(lumenfold, client):
    PlanVersion.objects.filter(plan__code="starter").update(effective_to=MAR)

    assert "Offered until February 28, 2026." in page(client, plan="starter")


def test_the_reader_chooses_the_currency_and_the_language(lumenfold, client):
    text = page(client, currency="EUR", language="de")

    assert "27,00 €" in text
    assert "$" not in text
    assert "pro Monat" in text
    assert "95,00 €" in text
    assert "109" not in text, "the next version has no price in euros"
    assert "Euro" in text
    assert "27,00 €" in page(client, currency="EUR", language="de", plan="starter")


def test_an_unknown_currency_is_replaced_by_the_sellers(lumenfold, client):
    assert page(client, currency="XYZ") == page(client) == page(client, currency="USD")


def test_a_seller_whose_currency_no_plan_has_shows_another_one(lumenfold, client):
    make_seller("larkspur", currency="JPY", locale="en_US")

    assert "€27.00" in page(client, "larkspur")


def test_the_address_names_plans_in_an_order(lumenfold, client):
    text = page(client, plan=["scale", "starter", "secret"])

    assert text.index("Scale $99.00") < text.index("Starter $29.00")
    assert "Secret" not in text


def test_a_free_plan_is_in_the_table_of_each_currency(lumenfold, client):
    publish(make_plan("free", offers=[offer("requests", included=100, consumption="hard_cap")]))
    Plan.objects.filter(code="free").update(is_public=True)

    assert "Free No base fee" in page(client)
    assert "Free No base fee" in page(client, currency="EUR")


def test_a_plan_is_chosen_only_where_the_site_asks_for_it(lumenfold, client):
    assert "Choose Scale" not in page(client)
    assert "Choose Scale" in page(client, choose="1")


def test_the_page_is_public_and_framed_by_the_sites_of_the_seller(lumenfold, client):
    response = client.get("/pricing/lumenfold")

    assert f"frame-ancestors {SITE}" in response["Content-Security-Policy"]
    assert "X-Frame-Options" not in response
    assert "X-Robots-Tag" not in response
    assert client.get("/pricing/unknown").status_code == 404
    assert client.post("/pricing/lumenfold").status_code == 405
    Plan.objects.update(is_public=False)
    assert client.get("/pricing/lumenfold").status_code == 404


def test_its_queries_do_not_grow_with_the_plans(lumenfold, client):
    def queries() -> int:
        page(client)  # reads the terms, which a process keeps
        with CaptureQueriesContext(connection) as captured:
            page(client)
        return len(captured)

    before = queries()
    for code in ("more", "most"):
        publish(make_plan(code, fees=[fee(500)], offers=[offer("requests", rates=[rate("0.0005")])]))
    Plan.objects.filter(code__in=["more", "most"]).update(is_public=True)

    assert queries() == before


def test_the_api_has_the_same_plans(lumenfold):
    answer = Caller(scopes=["read"]).get("/pricing", currency="USD").json()

    assert (answer["currency"], answer["currencies"]) == ("USD", ["EUR", "USD"])
    assert [plan["code"] for plan in answer["plans"]] == ["starter", "scale"]
    scale = answer["plans"][1]
    assert [fee["amount"] for fee in scale["version"]["fees"]] == [
        {"amount": "99.00", "currency": "USD"},
        {"amount": "10.00", "currency": "USD"},
    ]
    assert {price["currency"] for row in scale["version"]["features"] for price in row["prices"]} == {"USD"}
    assert scale["upcoming"]["effective_from"] == "2026-03-01T00:00:00Z"
    assert answer["plans"][0]["upcoming"] is None
    in_euros = Caller(scopes=["read"]).get("/pricing", currency="EUR", plan="scale").json()
    assert [plan["code"] for plan in in_euros["plans"]] == ["scale"]
    assert in_euros["plans"][0]["upcoming"] is None


def test_the_api_refuses_an_unknown_currency(lumenfold):
    assert set(faults(Caller(scopes=["read"]).get("/pricing", currency="XYZ"))) == {"currency"}
    assert set(faults(Caller(scopes=["read"]).get("/pricing"))) == {"currency"}


amounts = st.decimals(min_value=0, max_value=10_000, places=2)
unit_prices = st.decimals(min_value=0, max_value=10, places=6)


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plans=st.lists(st.tuples(amounts, unit_prices, st.integers(0, 10_000)), min_size=1, max_size=4))
def test_the_table_equals_the_prices(db, plans):
    """The API's table has each figure as it is stored, the lowest fee first."""
    clear_terms_cache()
    Plan.objects.update(is_public=False)
    for amount, unit_price, units in plans:
        version = make_plan(fees=[fee(amount)], offers=[offer("calls", included=units, rates=[rate(unit_price)])])
        publish(version)
        Plan.objects.filter(pk=version.plan_id).update(is_public=True)
    listed = Caller(scopes=["read"]).get("/pricing", currency="USD").json()["plans"]
    figures = [
        (
            Decimal(plan["version"]["fees"][0]["amount"]["amount"]),
            Decimal(plan["version"]["features"][0]["prices"][0]["rates"][0]["unit_price"]),
            Decimal(plan["version"]["features"][0]["included"]),
        )
        for plan in listed
    ]

    assert sorted(figures) == sorted((amount, price, Decimal(units)) for amount, price, units in plans)
    assert [row[0] for row in figures] == sorted(row[0] for row in figures)
