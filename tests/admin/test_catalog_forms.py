"""The catalog's forms reject invalid input with a message for the field."""

from decimal import Decimal

import pytest

from lib.currencies import CREDITS
from plans.models import Feature, Fee, Meter, PlanFeature, Price
from tests.builders import fee, make_feature, make_meter, make_plan, offer, publish, rate


def post(client, address, **fields):
    answer = client.post(f"/admin/plans/{address}/", {**fields, "_save": "Save"})
    return answer, "" if answer.status_code == 302 else answer.content.decode()


METER = {
    "name": "Tokens",
    "code": "tokens",
    "unit": "token",
    "event_name": "llm.request",
    "aggregation": "count",
    "filters": "{}",
    "rounding": "none",
    "rounding_places": "0",
    "readings-TOTAL_FORMS": "0",
    "readings-INITIAL_FORMS": "0",
}


def test_a_meter_is_added_with_its_dimensions(member):
    post(member("engineer"), "meter/add", **METER | {"dimensions": "model, api_key"})
    assert Meter.objects.get().dimensions == ["model", "api_key"]


WRONG_METERS = [
    # typed                     message
    ({"filters": "[1]"}, "Enter an object"),
    ({"code": "Two words"}, "Use lower-case letters"),
    ({"aggregation": "median"}, "Select a valid choice"),
    ({"aggregation": "max"}, "Enter the metered property"),
    ({"aggregation": "sum", "expression": "a +"}, "The expression is incomplete"),
    ({"aggregation": "sum", "expression": "a > 2"}, "The result is true or false, not a number"),
    ({"aggregation": "sum", "expression": "a", "value_property": "a"}, "Use only one"),
    ({"excludes": '{"status": ["test"]}'}, "Enter a list of filters"),
]


@pytest.mark.parametrize(("typed", "message"), WRONG_METERS)
def test_a_meter_is_refused(member, typed, message):
    _, text = post(member("engineer"), "meter/add", **METER | typed)
    assert message in text
    assert not Meter.objects.exists()


def test_a_meter_in_use_is_locked_and_the_page_gives_the_reason(member, db):
    meter = make_meter("calls")
    client = member("finance")
    assert 'name="event_name"' in client.get(f"/admin/plans/meter/{meter.pk}/change/").content.decode()
    publish(make_plan("pro", offers=[offer("calls", rates=[rate("1")])]))
    text = client.get(f"/admin/plans/meter/{meter.pk}/change/").content.decode()
    assert "Locked, because published prices depend on this meter: Pro v1." in text
    assert 'name="event_name"' not in text
    post(client, f"meter/{meter.pk}/change", **METER | {"name": "API calls", "event_name": "other"})
    meter.refresh_from_db()
    assert (meter.name, meter.event_name) == ("API calls", "calls")


def test_a_metered_feature_needs_a_meter(member):
    client = member("finance")
    unreached = {"when_unreachable": "open"}
    _, text = post(client, "feature/add", name="Calls", code="calls", kind="metered", **unreached)
    assert "Select the meter of this feature" in text
    post(client, "feature/add", name="Sso", code="sso", kind="boolean", meter=make_meter().pk, **unreached)
    assert Feature.objects.get().meter is None, "the hidden field's value does not count"


COUNTS = ("TOTAL", "INITIAL")


INLINES = ("fees", "features", "commitments", "included_credits", "thresholds")


def version_form(version, **more):
    counts = {f"{rows}-{count}_FORMS": 0 for rows in INLINES for count in COUNTS}
    facts = {"interval_count": 1, "interval_unit": "month", "anchor": "calendar", "proration": "second"}
    return counts | facts | more


def fee_row(**fields):
    row = {
        "label": "Base fee",
        "kind": "base",
        "amount": "10",
        "currency": "usd",
        "billed": "advance",
        "basis": "fixed",
    } | fields
    return {"fees-TOTAL_FORMS": 1} | {f"fees-0-{name}": value for name, value in row.items()}


def test_a_fee_is_stored_in_its_currency(member, db):
    version = make_plan()
    post(member("finance"), f"planversion/{version.pk}/change", **version_form(version, **fee_row(amount="1,000.5")))
    stored_fee = Fee.objects.get()
    assert stored_fee.code == "base-fee", "made from the label"
    assert (str(stored_fee.amount.amount.normalize()), str(stored_fee.currency), stored_fee.position) == (
        "1000.5",
        "USD",
        0,
    )


def test_a_one_time_fee_is_earned_over_months(member, db):
    version = make_plan()
    typed = fee_row(kind="one_time", recognition="months", recognition_months="3")
    post(member("finance"), f"planversion/{version.pk}/change", **version_form(version, **typed))
    stored_fee = Fee.objects.get()
    assert (stored_fee.recognition, stored_fee.recognition_months) == ("months", 3)


WRONG_FEES = [
    # typed                                  message
    ({"amount": "10.005"}, "USD has fewer decimal places. Enter 10.01"),
    ({"amount": "10.5", "currency": "JPY"}, "JPY has fewer decimal places. Enter 11"),
    ({"currency": "ABC"}, "is not an ISO 4217 currency"),
    ({"amount": "-1"}, "greater than or equal to 0"),
    ({"every": "12", "basis": "seat"}, "use the plan&#x27;s period. Enter 1"),
    ({"every": "12", "kind": "one_time"}, "use the plan&#x27;s period. Enter 1"),
    ({"every": "121"}, "Enter 1 to 120 periods"),
    ({"every": "0"}, "Enter 1 to 120 periods"),
    ({"recognition": "once"}, "Only a one-time fee is earned another way"),
    ({"kind": "one_time", "recognition": "months"}, "Enter 1 to 120 months"),
    ({"kind": "one_time", "recognition": "months", "recognition_months": "121"}, "Enter 1 to 120 months"),
    ({"kind": "one_time", "recognition": "once", "recognition_months": "3"}, "Leave it empty"),
]


@pytest.mark.parametrize(("typed", "message"), WRONG_FEES)
def test_a_fee_is_refused(member, db, typed, message):
    version = make_plan()
    _, text = post(member("finance"), f"planversion/{version.pk}/change", **version_form(version, **fee_row(**typed)))
    assert message in text
    assert not Fee.objects.exists()


def test_a_single_and_a_repeating_threshold_of_one_amount_are_refused(member, db):
    version = make_plan()
    rows = {"thresholds-TOTAL_FORMS": 2} | {
        f"thresholds-{place}-{name}": value
        for place in range(2)
        for name, value in {"amount": "200", "currency": "USD"}.items()
    }
    address = f"planversion/{version.pk}/change"
    _, text = post(member("finance"), address, **version_form(version, **rows, **{"thresholds-1-repeats": "on"}))
    assert "Another threshold has the same amount. Remove one of them." in text
    assert not version.thresholds.exists()


LONGER_FEES = [
    # plan                    fee                                       reads
    ({}, fee("1188", every=12), "$1,188.00 every year, in advance; usage every month"),
    ({}, fee("250", every=3, billed="arrears"), "$250.00 every quarter, in arrears; usage every month"),
    ({"interval": "week"}, fee("5", every=5), "$5.00 every 5 weeks, in advance; usage every week"),
    ({"count": 5}, fee("5", every=2), "$5.00 every 10 months, in advance; usage every 5 months"),
]


@pytest.mark.parametrize(("plan", "described", "reads"), LONGER_FEES)
def test_a_fee_for_several_periods_reads_in_words(member, db, plan, described, reads):
    version = make_plan(fees=[described, fee("9", label="Support")], **plan)
    facts = member("finance").get(f"/admin/plans/planversion/{version.pk}/change/").context["facts"]
    texts = [fact["value"] for fact in facts]
    assert reads in texts
    assert not any("$9.00" in text for text in texts)


def commitment_row(**fields):
    row = {
        "minimum": "1,000",
        "currency": "usd",
        "periods": "12",
        "overage_factor": "1.5",
        "discount": "10",
        **fields,
    }
    return {"commitments-TOTAL_FORMS": 1} | {f"commitments-0-{name}": value for name, value in (row | fields).items()}


def test_a_commitment_is_stored_and_described_in_words(member, db):
    version = make_plan()
    client = member("finance")
    post(client, f"planversion/{version.pk}/change", **version_form(version, **commitment_row(trues_up="on")))
    commitment = version.commitments.get()
    assert (commitment.minimum, commitment.currency, commitment.periods, commitment.trues_up) == (
        1000,
        "USD",
        12,
        True,
    )
    text = client.get(f"/admin/plans/planversion/{version.pk}/change/").content.decode()
    assert "At least $1,000.00 of usage over 12 periods. The shortfall is billed. Overage costs 1.5" in text


WRONG_COMMITMENTS = [
    # typed                    message
    ({"minimum": "10.005"}, "USD has fewer decimal places. Enter 10.01"),
    ({"overage_factor": "101"}, "0 to 100 times"),
    ({"discount": "101"}, "at most 100%"),
    ({"periods": "0"}, "greater than or equal to 1"),
]


@pytest.mark.parametrize(("typed", "message"), WRONG_COMMITMENTS)
def test_a_commitment_is_refused(member, db, typed, message):
    version = make_plan()
    _, text = post(
        member("finance"), f"planversion/{version.pk}/change", **version_form(version, **commitment_row(**typed))
    )
    assert message in text
    assert not version.commitments.exists()


def credits_row(**fields):
    row = {"code": "credits", "amount": "1,000", "unit": "Credits", "every": "month", "lasts": "period", **fields}
    return {"included_credits-TOTAL_FORMS": 1} | {
        f"included_credits-0-{name}": field_value for name, field_value in row.items()
    }


IN_WORDS = [
    ({}, "1,000 credits each month; expires at the end of its period or month; not in a trial."),
    (
        {"rolls_over": "2", "rollover_most": "200", "in_trial": "on"},
        "1,000 credits each month; expires at the end of its period or month; up to 200 credits of the rest roll over"
        " up to 2 times.",
    ),
    (
        {"unit": "usd", "amount": "2.5", "every": "once", "lasts": "ever", "in_trial": "on"},
        "$2.50 once, at the start; no expiry.",
    ),
    (
        {"features": " calls ,calls", "lasts": "days", "days": "10", "rolls_over": "1", "in_trial": "on"},
        "1,000 credits each month; only for calls; expires after 10 days; the rest rolls over 1 time.",
    ),
]


@pytest.mark.parametrize(("typed", "message"), IN_WORDS)
def test_included_credits_are_stored_and_described_in_words(member, db, typed, message):
    make_feature("calls")
    version = make_plan()
    client = member("finance")
    post(client, f"planversion/{version.pk}/change", **version_form(version, **credits_row(**typed)))
    assert version.included_credits.get().priority == 50
    assert message in client.get(f"/admin/plans/planversion/{version.pk}/change/").content.decode()


WRONG_CREDITS = [
    # typed                                   message
    ({"amount": "0"}, "Enter an amount above zero."),
    ({"unit": "coins"}, "Enter “credits” or a currency."),
    ({"lasts": "days"}, "Enter the number of days."),
    ({"days": "5"}, "Remove the days"),
    ({"lasts": "ever", "rolls_over": "1"}, "Credits without an expiry can&#x27;t roll over"),
    ({"rollover_most": "5"}, "Remove the limit"),
    ({"rolls_over": "37"}, "Enter at most 36."),
    ({"features": "calls, faxes"}, "Unknown feature codes: calls, faxes"),
]


@pytest.mark.parametrize(("typed", "message"), WRONG_CREDITS)
def test_included_credits_are_refused(member, db, typed, message):
    version = make_plan()
    form = version_form(version, **credits_row(**typed))
    _, text = post(member("finance"), f"planversion/{version.pk}/change", **form)
    assert message in text
    assert not version.included_credits.exists()


def test_rows_keep_their_order(member, db):
    version = make_plan(fees=[fee("1", label="First"), fee("2", label="Second")])
    first, second = version.fees.order_by("position")
    rows = {"fees-TOTAL_FORMS": 3, "fees-INITIAL_FORMS": 2}
    for place, (row, position) in enumerate([(first, 1), (second, 0)]):
        facts = {"id": row.pk, "version": version.pk, "label": row.label, "kind": "base", "amount": "1"}
        facts |= {"currency": "USD", "billed": "advance", "basis": "fixed", "position": position}
        rows |= {f"fees-{place}-{name}": value for name, value in facts.items()}
    added = {
        "label": "Third",
        "kind": "base",
        "amount": "3",
        "currency": "USD",
        "billed": "advance",
        "basis": "fixed",
        "position": "",
    }
    rows |= {f"fees-2-{name}": value for name, value in added.items()}
    post(member("finance"), f"planversion/{version.pk}/change", **version_form(version, **rows))
    assert list(version.fees.order_by("position").values_list("label", flat=True)) == ["Second", "First", "Third"]


def grant_row(feature, **fields):
    row = {"feature": feature.pk, "consumption": "overage", "included": "", "static_value": "", **fields}
    return {"features-TOTAL_FORMS": 1} | {f"features-0-{name}": value for name, value in row.items()}


GRANTS = [
    # kind        typed                      message
    ("static", {}, "Enter the value of"),
    ("boolean", {"included": "5"}, "is not metered. Remove the included units"),
    ("metered", {"consumption": "credits", "at_zero": "grace"}, "Enter the overdraft limit"),
]


@pytest.mark.parametrize(("kind", "typed", "message"), GRANTS)
def test_a_grant_is_refused(member, db, kind, typed, message):
    version = make_plan()
    rows = grant_row(make_feature("f", kind=kind), **typed)
    _, text = post(member("finance"), f"planversion/{version.pk}/change", **version_form(version, **rows))
    assert message in text
    assert not PlanFeature.objects.exists()


STORED = [
    # typed                                                              stored: consumption, at zero, grace
    ({"consumption": "credits", "at_zero": "grace", "grace": "1,000"}, ("credits", "grace", Decimal(1000))),
    ({"consumption": "balance", "at_zero": "overage", "grace": "5"}, ("balance", "overage", 0)),
    ({"consumption": "credits", "at_zero": ""}, ("credits", "block", 0)),
    ({"consumption": "overage", "at_zero": "grace", "grace": "5"}, ("overage", "block", 0)),
]


@pytest.mark.parametrize(("typed", "stored"), STORED)
def test_the_behavior_at_zero_is_stored_where_a_wallet_pays(member, db, typed, stored):
    version = make_plan()
    rows = grant_row(make_feature("f"), **typed)
    post(member("finance"), f"planversion/{version.pk}/change", **version_form(version, **rows))
    assert PlanFeature.objects.values_list("consumption", "at_zero", "grace").get() == stored


def test_a_price_is_typed_in_credits(member, db):
    version = make_plan(offers=[offer("calls", consumption="credits")])
    granted, client = version.features.get(), member("finance")
    page = client.get(f"/admin/plans/planversion/{version.pk}/change/").content.decode()
    assert f"?plan_feature={granted.pk}&amp;currency=XCR" in page
    form = client.get(f"/admin/plans/price/add/?plan_feature={granted.pk}&currency=XCR").content.decode()
    assert 'value="credits"' in form
    client.post("/admin/plans/price/add/", {"plan_feature": granted.pk, "currency": "Credits"})
    price = Price.objects.get()
    assert (str(price), price.currency) == ("calls in credits", CREDITS)
    page_text = client.get(f"/admin/plans/price/{price.pk}/change/").content.decode()
    assert "credits: deducted from the wallet for each unit" in page_text
    assert 'name="minimum"' not in page_text


def test_a_fee_has_no_price_in_credits(member, db):
    version = make_plan()
    fields = {"label": "Base", "kind": "base", "amount": "5", "currency": "credits", "billed": "advance"}
    typed = {"fees-TOTAL_FORMS": 1} | {f"fees-0-{name}": value for name, value in fields.items()}
    _, text = post(member("finance"), f"planversion/{version.pk}/change", **version_form(version, **typed))
    assert "Amounts here can&#x27;t be in credits" in text


def test_a_price_is_added_to_a_feature_of_a_draft_only(member, db):
    version = make_plan(offers=[offer("calls", rates=[rate("1")])])
    granted = version.features.get()
    client = member("finance")
    post(client, f"price/add/?plan_feature={granted.pk}".rstrip("/"), plan_feature=granted.pk, currency="eur")
    client.post(f"/admin/plans/price/add/?plan_feature={granted.pk}", {"plan_feature": granted.pk, "currency": "eur"})
    assert set(Price.objects.values_list("currency", flat=True)) == {"USD", "EUR"}
    Price.objects.filter(currency="EUR").delete()
    publish(version)
    answer = client.post("/admin/plans/price/add/", {"plan_feature": granted.pk, "currency": "EUR"})
    assert answer.status_code == 403
