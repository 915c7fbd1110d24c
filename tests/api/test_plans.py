"""Plans over HTTP: their prices, and the price of a given usage."""

import pytest

from plans.models import UnitCost
from tests.api.calls import Caller, faults, problem
from tests.builders import FEB, fee, make_cost, make_feature, make_meter, make_plan, offer, publish, rate, tier


@pytest.fixture
def pro(db):
    """Publish a plan with every kind of fee, feature and price."""
    meter = make_meter("tokens", aggregation="sum", value_property="count", dimensions=["token_type"])
    tokens = [
        rate("0.0000012", match={"token_type": "input"}, label="Input tokens"),
        rate("12", model="package", package_size="1000000", match={"token_type": "output"}, label="Output tokens"),
    ]
    steps = [tier(1000, "0.10", "5"), tier(None, "0.08")]
    return publish(
        make_plan(
            "pro",
            fees=[fee("19.9")],
            offers=[
                offer(make_feature("tokens", meter=meter), rates=tokens),
                offer("calls", included=100, rates=[rate(tiers=steps)]),
                offer("exports", included=5, consumption="hard_cap"),
                offer(make_feature("sso", kind="boolean")),
            ],
        )
    )


def test_a_plan_shows_its_prices_in_force(live, pro):
    payload = live.get("/plans/pro").json()

    assert (payload["code"], payload["version"]["number"], payload["version"]["state"]) == ("pro", 1, "live")
    assert payload["version"]["fees"] == [
        {
            "code": "base-fee",
            "label": "Base fee",
            "kind": "base",
            "amount": {"amount": "19.90", "currency": "USD"},
            "billed": "advance",
            "basis": "fixed",
            "included": 0,
            "least": 0,
            "most": None,
            "every": 1,
            "recognition": "service",
            "recognition_months": None,
        }
    ]
    tokens, calls, exports, sso = sorted(
        payload["version"]["features"],
        key=lambda feature: ["tokens", "calls", "exports", "sso"].index(feature["feature"]),
    )
    rates = tokens["prices"][0]["rates"]
    assert [(rate["label"], rate["match"], rate["unit_price"], rate["package_size"]) for rate in rates] == [
        ("Input tokens", {"token_type": "input"}, "0.0000012", None),
        ("Output tokens", {"token_type": "output"}, "12", "1000000"),
    ]
    assert calls["prices"][0]["rates"][0]["tiers"] == [
        {"up_to": "1000", "unit_price": "0.1", "percent": None, "flat_fee": "5", "maximum": None},
        {"up_to": None, "unit_price": "0.08", "percent": None, "flat_fee": "0", "maximum": None},
    ]
    assert (exports["consumption"], exports["included"], exports["prices"]) == ("hard_cap", "5", [])
    assert (sso["kind"], sso["unit"]) == ("boolean", None)


def test_a_plan_without_a_version_in_force_says_so(live):
    make_plan("draft")

    assert live.get("/plans/draft").json()["version"] is None


def test_versions_are_listed_newest_first(live, pro):
    publish(make_plan("pro", fees=[fee("29")]), at=FEB, effective_from=FEB)

    assert [entry["number"] for entry in live.get("/plans/pro/versions").json()["data"]] == [2, 1]
    assert live.get("/plans/pro/versions/1").json()["effective_to"] == "2026-02-01T00:00:00Z"


def test_a_draft_is_seen_in_the_sandbox_only(live, sandbox, pro):
    make_plan("pro", fees=[fee("29")])

    problem(live.get("/plans/pro/versions/2"), 404, "not-found")
    assert [entry["number"] for entry in live.get("/plans/pro/versions").json()["data"]] == [1]
    assert sandbox.get("/plans/pro/versions/2").json()["state"] == "draft"


@pytest.mark.parametrize("path", ["/plans/none", "/plans/none/versions", "/plans/none/versions/1"])
def test_a_plan_that_does_not_exist(live, path):
    problem(live.get(path), 404, "not-found")


def preview(caller, *quantities, feature="tokens", currency="USD", **fields):
    body = {"feature": feature, "currency": currency, "quantities": list(quantities), **fields}
    return caller.post("/plans/pro/preview", body)


def test_usage_is_priced_by_the_rate_its_dimensions_match(live, pro):
    payload = preview(
        live,
        {"dimensions": {"token_type": "input"}, "quantity": "1200000"},
        {"dimensions": {"token_type": "output", "model": "x"}, "quantity": "1000001"},
    ).json()

    assert [(line["rate"], line["quantity"], line["amount"]["amount"]) for line in payload["lines"]] == [
        ("Input tokens", "1200000", "1.44"),
        ("Output tokens", "1000001", "24.00"),
    ]
    assert payload["total"] == {"amount": "25.44", "currency": "USD"}
    assert (payload["plan"], payload["version"], payload["feature"]) == ("pro", 1, "tokens")


def test_usage_beyond_the_allowance_is_priced_tier_by_tier(live, pro):
    line = preview(live, {"quantity": 1350}, feature="calls").json()["lines"][0]

    assert (line["included"], line["billable"], line["refused"]) == ("100", "1250", "0")
    assert line["parts"] == [
        {"from": "0", "to": "1000", "units": "1000", "unit_price": "0.1", "flat_fee": "5", "amount": "105"},
        {"from": "1000", "to": None, "units": "250", "unit_price": "0.08", "flat_fee": "0", "amount": "20"},
    ]
    assert line["amount"] == {"amount": "125.00", "currency": "USD"}


def test_quantities_of_one_rate_are_added_up_first(live, pro):
    half = {"dimensions": {"token_type": "output"}, "quantity": "500000"}

    assert preview(live, half, half).json()["total"]["amount"] == "12.00", "one package, not two"


def test_a_line_is_exact_and_the_total_is_rounded(live, pro):
    payload = preview(live, {"dimensions": {"token_type": "input"}, "quantity": "0.5"}).json()

    assert payload["lines"][0]["amount"]["amount"] == "0.0000006"
    assert payload["total"]["amount"] == "0.00"


def test_units_refused_by_a_hard_cap_cost_nothing(live, pro):
    line = preview(live, {"quantity": "7"}, feature="exports").json()["lines"][0]

    assert (line["included"], line["refused"], line["amount"]["amount"]) == ("5", "2", "0.00")


def test_another_version_can_be_previewed(live, sandbox, pro):
    make_plan("pro", offers=[offer("calls", rates=[rate("1")])])

    assert preview(sandbox, {"quantity": "2"}, feature="calls", version=2).json()["total"]["amount"] == "2.00"
    assert faults(preview(live, {"quantity": "2"}, feature="calls", version=2)) == {"version": "unknown"}


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"feature": "sso"}, "feature", "unknown"),
        ({"feature": "none"}, "feature", "unknown"),
        ({"currency": "EUR"}, "currency", "no_price"),
        ({"currency": "XAU"}, "currency", "invalid_choice"),
        ({"version": 9}, "version", "unknown"),
        ({"version": 0}, "version", "min_value"),
        ({"quantities": []}, "quantities", "empty"),
        ({"quantities": [{"quantity": "1"}] * 101}, "quantities", "max_length"),
        ({"quantities": [{"quantity": "1"}]}, "quantities.0.dimensions", "no_rate"),
    ],
)
def test_an_invalid_preview_names_the_field(live, pro, fields, field, code):
    fine = {"dimensions": {"token_type": "input"}, "quantity": "1"}

    assert faults(preview(live, fine, **fields)) == {field: code}


NO_NUMBERS = ["NaN", "Infinity", "1e3", "1_000", "١٢", " 1 ", "", "0x10", "1.", ".5", "9" * 39, "-1"]
NO_TEXTS = [True, None, [], {}, -1]


@pytest.mark.parametrize("quantity", [*NO_NUMBERS, *NO_TEXTS], ids=str)
def test_a_quantity_is_a_plain_number_of_zero_or_more(live, pro, quantity):
    assert set(faults(preview(live, {"quantity": quantity}, feature="calls"))) == {"quantities.0.quantity"}


@pytest.mark.parametrize("quantity", ["9" * 38, "0." + "1" * 38, 10**37, 1.5, 0])
def test_a_quantity_may_be_as_long_as_one_of_an_event(live, pro, quantity):
    assert preview(live, {"quantity": quantity}, feature="calls").status_code == 200


def test_usage_charged_at_cost_uses_the_current_unit_cost(live):
    meter = make_meter("words", dimensions=["model"])
    make_cost(meter, "0.5")
    make_cost(meter, 2, match={"model": "big"})
    rates = [rate(model="dynamic", cost_source="unit_cost", markup="1.1", label="at cost")]
    publish(make_plan("pro", offers=[offer(make_feature("words", meter=meter), rates=rates)]))
    quantities = [{"quantity": "10"}, {"quantity": "1", "dimensions": {"model": "big"}}]

    assert preview(live, *quantities, feature="words").json()["total"]["amount"] == "7.70"
    UnitCost.objects.all().delete()
    assert faults(preview(live, *quantities, feature="words")) == {"quantities.0.dimensions": "no_cost"}


def test_a_preview_writes_nothing(pro, django_assert_max_num_queries):
    caller = Caller()
    fine = {"dimensions": {"token_type": "input"}, "quantity": "1"}
    assert preview(caller, fine).status_code == 200

    with django_assert_max_num_queries(3) as queries:
        preview(caller, fine)

    assert all(query["sql"].lstrip().upper().startswith("SELECT") for query in queries)
