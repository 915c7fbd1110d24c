"""A credit note from an invoice's page: previewed, issued once, only by staff with the permission."""

import pytest

from invoices.models import Invoice
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer


@pytest.fixture
def invoice(db):
    return make_invoice(make_customer(legal_name="Globex", currency="EUR"))


def address(invoice, action="credit"):
    return f"/admin/invoices/invoice/{invoice.pk}/{action}/"


def credit_form(**fields):
    return {"seen": "0", "is_whole": "yes", "to": "balance", "_reason": "Outage", **fields}


def test_the_page_lists_the_creditable_amount_of_each_line(member, invoice):
    text = member("finance").get(address(invoice)).content.decode()
    for part in ("API calls", "€15.00", "The full remaining amount", ">Preview</button>"):
        assert part in text
    assert "Issue credit note" not in text


def test_a_preview_shows_the_credit_note_and_issues_nothing(member, invoice):
    text = (
        member("finance").post(address(invoice), credit_form(is_whole="", line_1="5", _preview="")).content.decode()
    )
    for part in ("€5.00", "VAT 19%", "€0.95", "€5.95", "Remaining amount of INV-00001: €11.90.", "Issue credit note"):
        assert part in text
    assert Invoice.objects.count() == 1


def test_a_credit_note_is_issued_with_its_reason_and_author(member, invoice):
    answer = member("finance").post(address(invoice), credit_form(_issue=""), follow=True)
    note = Invoice.objects.get(kind="credit_note")
    assert (note.reason, note.total) == ("Outage", invoice.total)
    text = answer.content.decode()
    assert "Credit note CN-000001" in text
    assert "CN-000001 credits €17.85 of INV-00001." in text
    page = member("support").get(address(invoice, "change")).content.decode()
    for part in ("Void", "Credited by", "CN-000001"):
        assert part in page
    assert "Amount due" not in page
    history = member("support").get(address(invoice, "history")).content.decode()
    assert "Finance" in history
    assert "Outage" in history


REFUSED = [
    # form                                        message
    (credit_form(_reason="", _issue=""), "This field is required."),
    (credit_form(is_whole="", _issue=""), "Enter an amount for at least one line of INV-00001."),
    (credit_form(is_whole="", line_1="15.01", _issue=""), "you can credit up to €15.00."),
    (credit_form(is_whole="", line_1="five", _issue=""), "Enter a number."),
    (credit_form(seen="1", _issue=""), "credited in the meantime"),
]


@pytest.mark.parametrize(("posted", "message"), REFUSED)
def test_an_invalid_credit_note_shows_the_error(member, invoice, posted, message):
    text = member("finance").post(address(invoice), posted).content.decode()
    assert message in text
    assert Invoice.objects.count() == 1


def test_staff_without_the_permission_can_not_issue_credit_notes(member, invoice):
    client = member("operations")
    assert ">Credit<" not in client.get(address(invoice, "change")).content.decode().replace("\n", "")
    assert client.post(address(invoice), credit_form(_issue="")).status_code == 403
    assert Invoice.objects.count() == 1


def test_the_list_shows_a_credit_note_as_a_negative_amount(member, invoice):
    client = member("finance")
    client.post(address(invoice), credit_form(_issue=""))
    page = client.get("/admin/invoices/invoice/", {"kind__exact": "credit_note"})
    assert [str(invoice_row) for invoice_row in page.context["cl"].result_list] == ["CN-000001"]
    assert "-€17.85" in page.content.decode()


def test_an_invoice_is_written_off_with_a_reason_and_its_author(member, invoice):
    finance = member("finance")
    assert "becomes a loss" in finance.get(address(invoice, "write_off")).content.decode()
    assert "Enter the reason" in finance.post(address(invoice, "write_off"), follow=True).content.decode()
    answer = finance.post(address(invoice, "write_off"), {"_reason": "insolvent"}, follow=True)
    assert "is written off" in answer.content.decode()
    invoice.refresh_from_db()
    write_off = invoice.write_off
    assert (invoice.state, write_off.reason) == ("uncollectible", "insolvent")
    assert write_off.by.username.startswith("finance")
    assert "Write off" not in finance.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
