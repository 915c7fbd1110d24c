"""Crediting from an invoice's page: seen first, issued once, by whoever may."""

import pytest

from invoices.models import Invoice
from tests.api.documents import make_invoice
from tests.builders import make_customer


@pytest.fixture
def invoice(db):
    return make_invoice(make_customer(legal_name="Globex", currency="EUR"))


def address(invoice, what="credit"):
    return f"/admin/invoices/invoice/{invoice.pk}/{what}/"


def asked(**fields):
    return {"seen": "0", "is_whole": "yes", "to": "balance", "_reason": "Outage", **fields}


def test_the_page_lists_what_is_left_of_each_line(member, invoice):
    text = member("finance").get(address(invoice)).content.decode()
    for part in ("API calls", "€15.00", "All that is left of the invoice", ">Preview</button>"):
        assert part in text
    assert "Issue credit note" not in text


def test_a_preview_shows_the_credit_note_and_issues_nothing(member, invoice):
    text = member("finance").post(address(invoice), asked(is_whole="", line_1="5", _preview="")).content.decode()
    for part in ("€5.00", "VAT 19 %", "€0.95", "€5.95", "€11.90 of INV-00001 would be left", "Issue credit note"):
        assert part in text
    assert Invoice.objects.count() == 1


def test_it_is_issued_with_the_reason_and_who_did_it(member, invoice):
    answer = member("finance").post(address(invoice), asked(_issue=""), follow=True)
    note = Invoice.objects.get(kind="credit_note")
    assert (note.reason, note.total) == ("Outage", invoice.total)
    text = answer.content.decode()
    assert "Credit note CN-000001" in text
    assert "CN-000001 takes back €17.85 of INV-00001." in text
    page = member("support").get(address(invoice, "change")).content.decode()
    for part in ("void", "Credited by", "CN-000001", "Still due"):
        assert part in page
    history = member("support").get(address(invoice, "history")).content.decode()
    assert "Finance" in history
    assert "Outage" in history


REFUSED = [
    # what is posted                              says
    (asked(_reason="", _issue=""), "This field is required."),
    (asked(is_whole="", _issue=""), "Nothing is left of INV-00001 to credit."),
    (asked(is_whole="", line_1="15.01", _issue=""), "€15.00 is left to credit"),
    (asked(is_whole="", line_1="five", _issue=""), "Enter a number."),
    (asked(seen="1", _issue=""), "credited meanwhile"),
]


@pytest.mark.parametrize(("posted", "says"), REFUSED)
def test_what_cannot_be_is_said_on_the_page(member, invoice, posted, says):
    text = member("finance").post(address(invoice), posted).content.decode()
    assert says in text
    assert Invoice.objects.count() == 1


def test_who_may_not_is_not_offered_it(member, invoice):
    client = member("operations")
    assert ">Credit<" not in client.get(address(invoice, "change")).content.decode().replace("\n", "")
    assert client.post(address(invoice), asked(_issue="")).status_code == 403
    assert Invoice.objects.count() == 1


def test_a_list_shows_what_is_taken_back_below_zero(member, invoice):
    client = member("finance")
    client.post(address(invoice), asked(_issue=""))
    page = client.get("/admin/invoices/invoice/", {"kind__exact": "credit_note"})
    assert [str(one) for one in page.context["cl"].result_list] == ["CN-000001"]
    assert "-€17.85" in page.content.decode()
