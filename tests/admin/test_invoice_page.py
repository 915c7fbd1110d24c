"""An invoice in the admin: every line with its calculation, its PDF, and no editable field."""

import pytest

from invoices.models import Rendering
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer


@pytest.fixture
def invoice(db):
    return make_invoice(make_customer(legal_name="Globex", currency="EUR"))


def page(client, invoice):
    return client.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()


def test_explains_how_a_line_was_calculated(member, invoice):
    text = page(member("support"), invoice)
    assert "How was this calculated?" in text
    for part in ("500 call", "Included", "€0.05", "€15.00", "€17.85"):
        assert part in text


def test_names_its_sums_and_parties_and_its_number_once(member, invoice):
    text = page(member("support"), invoice)
    labels = ("Subtotal", "Total", "Seller", "Bill to")
    assert [label for label in labels if f">{label}<" not in text] == []
    assert "Invoice number" not in text, "the heading says it"


def test_has_nothing_to_edit(member, invoice):
    client = member("finance")
    assert 'name="_save"' not in page(client, invoice)
    assert client.post(f"/admin/invoices/invoice/{invoice.pk}/change/", {"note": "x"}).status_code == 403
    assert client.get(f"/admin/invoices/invoice/{invoice.pk}/delete/").status_code == 403


@pytest.mark.parametrize("address", ["invoices/invoice/%C2%B2/change/", "plans/plan/%C2%B2/new_version/"])
def test_an_invalid_address_is_no_server_error(member, address):
    assert member("finance").get(f"/admin/{address}").status_code in (302, 404)


def test_opens_the_rendered_pdf(member, invoice):
    Rendering.objects.create(invoice=invoice, content=b"%PDF-made", sha256="a" * 64, rendered_at=FEB)
    answer = member("support").get(f"/admin/invoices/invoice/{invoice.pk}/open_pdf/")
    assert (answer["Content-Type"], answer.content) == ("application/pdf", b"%PDF-made")
    assert invoice.number in answer["Content-Disposition"]


def test_a_failed_rendering_shows_its_reason_and_is_retried_on_demand(member, invoice):
    Rendering.objects.create(invoice=invoice, error="No font has 東", attempts=5)
    client = member("finance")
    assert "No font has 東" in page(client, invoice)
    assert "Retry PDF" in page(client, invoice)
    assert client.get("/admin/invoices/invoice/", {"file": "failed"}).context["cl"].result_count == 1
    client.post(f"/admin/invoices/invoice/{invoice.pk}/render_again/")
    assert bytes(Rendering.objects.get().content).startswith(b"%PDF-")


def test_support_can_not_retry_a_rendering(member, invoice):
    Rendering.objects.create(invoice=invoice, error="broken")
    assert member("support").post(f"/admin/invoices/invoice/{invoice.pk}/render_again/").status_code == 403


FILTERS = [
    # file       has a file   count
    ("waiting", None, 1),
    ("waiting", "done", 0),
    ("done", "done", 1),
    ("failed", "done", 0),
    ("failed", "failed", 1),
]


@pytest.mark.parametrize(("status", "state", "count"), FILTERS)
def test_is_filtered_by_the_status_of_its_pdf(member, invoice, status, state, count):
    if state == "done":
        Rendering.objects.create(invoice=invoice, content=b"%PDF", sha256="a" * 64, rendered_at=FEB)
    elif state == "failed":
        Rendering.objects.create(invoice=invoice, error="broken")
    answer = member("support").get("/admin/invoices/invoice/", {"file": status})
    assert answer.context["cl"].result_count == count
