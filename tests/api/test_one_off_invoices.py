"""One-off invoices over HTTP: drafted, changed, issued, discarded, voided."""

import pytest

from tests.api.calls import faults
from tests.builders import make_customer, make_tax
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

LINE = {"description": "Migration of your data", "quantity": "2", "unit": "day", "unit_price": "900"}


@pytest.fixture(autouse=True)
def customer(seller):
    make_tax("19", seller=seller)
    return make_customer("acme", seller=seller, currency="EUR", country="DE", purchase_order="PO 1")


def test_a_draft_is_changed_issued_and_voided(live):
    response = live.post("/invoices", {"customer": "acme", "lines": [LINE], "net_days": 30})
    assert response.status_code == 201, response.json()
    draft = response.json()
    assert (draft["state"], draft["number"], draft["total"]["amount"]) == ("draft", None, "2142.00")
    assert draft["purchase_order"] == "PO 1"
    address = f"/invoices/{draft['id']}"
    dated = LINE | {"first_day": "2026-01-05", "last_day": "2026-01-06"}
    changed = live.patch(address, {"lines": [dated, dated | {"unit_price": "-900"}], "note": "Half price"}).json()
    assert (changed["net"]["amount"], changed["note"], len(changed["lines"])) == ("0.00", "Half price", 2)
    assert changed["period_start"] == "2026-01-05T00:00:00Z"
    live.patch(address, {"lines": [dated]})
    issued = live.post(f"{address}/issue", {}).json()
    assert (issued["id"], issued["number"], issued["state"]) == (draft["id"], "INV-000001", "issued")
    assert live.post(f"{address}/issue", {}).json()["number"] == "INV-000001"
    refused = live.patch(address, {"note": "x"})
    assert (refused.status_code, "Only a draft" in refused.json()["detail"]) == (422, True)
    note = live.post(f"{address}/void", {"reason": "Wrong customer"})
    assert (note.status_code, note.json()["total"]["amount"], note.json()["to"]) == (201, "2142.00", "offset")
    assert live.get(address).json()["state"] == "void"
    assert live.post(f"{address}/void", {"reason": "Again"}).status_code == 422


def test_an_invoice_is_issued_at_once_or_a_draft_discarded(live):
    issued = live.post("/invoices", {"customer": "acme", "lines": [LINE], "issue": True}).json()
    assert issued["number"] == "INV-000001"
    draft = live.post("/invoices", {"customer": "acme", "lines": [LINE]}).json()
    assert live.send("DELETE", f"/invoices/{draft['id']}").status_code == 204
    assert live.get(f"/invoices/{draft['id']}").status_code == 404
    assert live.send("DELETE", f"/invoices/{issued['id']}").status_code == 422


def test_a_changed_draft_is_discarded_and_the_books_stay_clean(live):
    draft = live.post("/invoices", {"customer": "acme", "lines": [LINE]}).json()
    live.patch(f"/invoices/{draft['id']}", {"note": "Changed"})
    assert live.send("DELETE", f"/invoices/{draft['id']}").status_code == 204
    assert_clean()


def test_an_invalid_line_is_rejected_with_its_field(live, sandbox):
    arguments = {"customer": "acme", "lines": [LINE, LINE | {"quantity": "0"}]}
    refused = live.post("/invoices", arguments)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "lines.1.quantity")
    empty = live.post("/invoices", {"customer": "acme", "lines": [], "issue": True})
    assert (faults(empty), live.get("/invoices").json()["data"]) == ({"lines": "invalid"}, [])
    assert sandbox.post("/invoices", {"customer": "acme", "lines": [LINE]}).status_code == 400
