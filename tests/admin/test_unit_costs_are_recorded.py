"""Finance records unit costs, by hand or from a file, and sees the margins of live prices."""

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from plans.models import UnitCost
from tests.builders import JAN, make_cost, make_meter, make_plan, offer, publish, rate

LIST, ADD = "/admin/plans/unitcost/", "/admin/plans/unitcost/add/"
FILE = "/admin/plans/unitcost/from-file/"
HEADING = "meter,match,currency,cost,valid_from\n"


@pytest.fixture
def finance(member):
    return member("finance")


@pytest.fixture
def tokens(db):
    return make_meter("tokens", dimensions=["model"], unit="token")


def typed(tokens, **fields):
    arguments = {
        "meter": tokens.pk,
        "match": "model: a",
        "currency": "usd",
        "cost": "2.50",
        "per": "1000000",
        "note": "",
    }
    return arguments | {"valid_from_0": "2026-01-01", "valid_from_1": "00:00:00", **fields}


def costs():
    return [str(cost.normalize()) for cost in UnitCost.objects.order_by("pk").values_list("cost", flat=True)]


def test_a_cost_is_typed_per_million_and_stored_per_unit(finance, tokens):
    assert finance.post(ADD, typed(tokens)).status_code == 302
    stored = UnitCost.objects.get()
    assert (f"{stored.cost:f}", stored.match, str(stored.currency)) == ("0.000002500000", {"model": "a"}, "USD")


WRONG = [
    ({"match": "modle: a"}, "no dimension “modle”"),
    ({"cost": "0.0000001"}, "at most 12 decimal places"),
    ({"cost": "-1"}, "The cost"),
    ({"valid_to_0": "2025-01-01", "valid_to_1": "00:00"}, "The end must be after the start"),
    ({"currency": "XYZ"}, "XYZ"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[message for _, message in WRONG])
def test_an_invalid_cost_shows_the_error_at_its_field(finance, tokens, fields, message):
    answer = finance.post(ADD, typed(tokens, **fields))
    assert answer.status_code == 200
    assert message in answer.content.decode()


def test_a_cost_is_corrected_on_its_page(finance, tokens):
    cost = make_cost(tokens, 1)
    page = reverse("admin:plans_unitcost_change", args=[cost.pk])
    assert finance.get(page).status_code == 200
    finance.post(page, {"cost": "2", "per": "1000", "note": "a slip", "valid_to_0": "", "valid_to_1": ""})
    assert costs() == ["0.002"]


def upload(client, content, name="costs.csv"):
    return client.post(FILE, {"file": SimpleUploadedFile(name, content.encode())})


def test_a_file_is_previewed_and_then_imported(finance, tokens):
    content = f"{HEADING}tokens,model: a,USD,0.000001,2026-01-01\n"
    tried = upload(finance, content)
    assert "1 to record" in tried.content.decode()
    assert costs() == []
    stored_form = {"kept_name": "costs.csv", "kept": base64.b64encode(content.encode()).decode()}
    assert finance.post(FILE, stored_form, follow=True).status_code == 200
    assert costs() == ["0.000001"]


def test_a_wrong_cell_of_a_file_is_named(finance, tokens):
    page_text = upload(finance, f"{HEADING}tokens,,USD,many,2026-01-01\n").content.decode()
    assert "“many” is not a number" in page_text
    assert "Nothing was imported" in page_text


@pytest.mark.parametrize(("content", "message"), [("", "Choose a file"), ("meter", "is missing")])
def test_a_file_that_is_no_list_is_rejected(finance, tokens, content, message):
    assert message in upload(finance, content).content.decode()


def test_a_downloaded_file_can_be_imported(finance, tokens):
    make_cost(tokens, "0.5", match={"model": "a"})
    content = finance.get("/admin/plans/unitcost/as-file/").content.decode("utf-8-sig")
    assert content.splitlines()[1] == "tokens,model: a,USD,0.5,2026-01-01T00:00:00Z,,"
    assert "0 to record" in upload(finance, content).content.decode()


def test_margins_show_live_prices_below_cost(finance, tokens):
    make_cost(tokens, 2)
    publish(make_plan("cheap", offers=[offer("tokens", rates=[rate(1)])]), at=JAN)
    page = finance.get("/admin/plans/unitcost/margins/").content.decode()
    assert "1 of 1 prices have a margin below 0%" in page
    assert "-100" in page


def test_margins_of_a_draft_are_shown_before_publication(finance, tokens):
    make_cost(tokens, 2)
    draft = make_plan("cheap", offers=[offer("tokens", rates=[rate("2.5")])])
    page = finance.get(reverse("admin:plans_planversion_margins", args=[draft.pk]), {"least": "25"}).content.decode()
    assert "1 of 1 prices have a margin below 25%" in page
    assert "20%" in page


def test_a_read_only_group_can_neither_add_nor_import(member, tokens):
    support = member("support")
    assert support.get(LIST).status_code == 200
    assert support.get(ADD).status_code == 403
    assert upload(support, HEADING).status_code == 403
