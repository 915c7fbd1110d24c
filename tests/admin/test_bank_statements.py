"""Finance imports a bank's file after a preview, and books the lines in doubt from the review page."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import ApprovalRequest
from access.models.approvals import ApprovalRule
from billing.revenue.finance_home.tasks import count_tasks
from customers.models import StaffSeller
from invoices.models import BalanceEntry, BankLine, BankStatement, Payment
from invoices.payments.bank_statements.match_run import match_lines
from tests.builders import make_seller
from tests.invoices.bank_statements.bank_rows import NOW, Transfer, camt, import_content, import_transfers, make_due

pytestmark = pytest.mark.django_db
ACME = "Acme Robotics GmbH"
LIST, IMPORT = "/admin/invoices/bankstatement/", "/admin/invoices/bankstatement/import_file/"
REVIEW = "/admin/invoices/bankstatement/review/"


def fields_of(page):
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))


def upload(client, content, name="statement.xml", **fields):
    seller = make_seller()
    file = SimpleUploadedFile(name, content)
    return client.post(IMPORT, {"seller": seller.pk, "file": file, **fields}).content.decode()


def address(line, action):
    return f"/admin/invoices/bankline/{line.pk}/{action}/"


def reviewed(*transfers, **options):
    import_transfers(*transfers, **options)
    match_lines(at=NOW)
    return BankLine.objects.order_by("-pk").first()


def test_the_empty_list_says_how_to_begin(member):
    page = member("finance").get(LIST).content.decode()
    assert "No bank statements yet" in page
    assert "Import a file of your bank, and its payments are matched to invoices." in page
    assert "Import bank file" in page


def test_a_file_is_shown_before_it_is_stored(member):
    make_due(ACME)
    finance = member("finance")
    content = camt([Transfer("119.00", "INV-00001", ACME), Transfer("119.00", "?", ACME), Transfer("-3.00", "fee")])

    page = upload(finance, content)

    assert not BankStatement.objects.exists()
    for part in (
        "Import 3 lines",
        "3 new lines",
        "€119.00",
        "closing balance of €1,235.00",
        "Nothing is stored yet.",
    ):
        assert part in page
    page = finance.post(IMPORT, fields_of(page), follow=True).content.decode()
    assert "Booked: 1. For review: 1. Outgoing: 1." in page
    assert BankStatement.objects.get().by.first_name == "Finance"
    assert Payment.objects.get().amount == D(119)
    again = upload(finance, content)
    assert "3 were already imported" in again
    assert "Import 0" not in again


def test_a_wrong_file_is_refused_at_its_field(member):
    page = upload(member("finance"), camt([Transfer("119.00")], closing="1.00"))
    assert "the closing balance is 1.00 EUR" in page
    assert not BankLine.objects.exists()


def test_csv_needs_its_columns_once(member):
    finance = member("finance")
    content = "Tag;Betrag;Zweck\n04.03.2026;119,00;INV-00001\n".encode("cp1252")
    columns = {"account": "DE77", "date": "Tag", "amount": "Betrag", "text": "Zweck", "default_currency": "EUR"}

    assert "enter the bank account and the names of the columns" in upload(finance, content, "a.csv")
    page = upload(finance, content, "a.csv", **columns)
    finance.post(IMPORT, fields_of(page))
    assert BankLine.objects.get().text == "INV-00001"
    assert "1 was already imported" in upload(finance, content, "a.csv", account="DE77")


def test_a_suggestion_is_booked_with_one_click(member):
    invoice = make_due(ACME)
    line = reviewed(Transfer("119.00", "January", ACME))
    finance = member("finance")

    page = finance.get(REVIEW).content.decode()
    assert "1 line waits for a decision." in page
    assert "same amount, same name" in page
    page = finance.post(address(line, "book"), {"invoices": invoice.number, "from_review": "1"}, follow=True)

    page = page.content.decode()
    assert "€119.00 was booked to INV-00001." in page
    assert "Nothing to review" in page
    assert Payment.objects.get().by.first_name == "Finance"


def test_another_invoice_is_searched_and_the_effect_is_shown(member):
    make_due("Windmere Labs Ltd", "100.00")
    line = reviewed(Transfer("119.00", "no idea", "J. Doe"))

    page = member("finance").get(address(line, "change"), {"q": "windmere"}).content.decode()

    assert "matches your search" in page
    assert "€19.00 goes to the customer balance" in page


def test_a_line_is_split(member):
    make_due(ACME, "100.00"), make_due(ACME, "50.00")
    line = reviewed(Transfer("120.00", "both", "J. Doe"))
    finance = member("finance")

    page = finance.post(address(line, "book"), {"invoices": "INV-00001 = 100\nINV-00002 = 19"}).content.decode()
    assert "The parts sum to €119.00, but the line is of €120.00." in page
    page = finance.post(address(line, "book"), {"invoices": "INV-9"}).content.decode()
    assert "There is no invoice “INV-9” of Acme Inc." in page
    finance.post(address(line, "book"), {"invoices": "INV-00001 = 100\nINV-00002 = 20"})

    assert sorted(Payment.objects.values_list("amount", flat=True)) == [D(20), D(100)]


def test_a_double_payment_goes_to_the_balance(member):
    make_due(ACME)
    line = reviewed(Transfer("119.00", "INV-00001", ACME), Transfer("119.00", "INV-00001", ACME))
    finance = member("finance")

    assert "likely a double payment" in finance.get(REVIEW).content.decode()
    finance.post(address(line, "book"), {"invoices": "INV-00001"})

    assert BalanceEntry.objects.get().amount == D(119)


def test_a_line_is_ignored_and_a_booking_undone_with_a_reason(member):
    make_due(ACME)
    line = reviewed(Transfer("119.00", "INV-00001", ACME))
    finance = member("finance")

    finance.post(address(line, "undo"), {"_reason": ""})
    assert BankLine.objects.get().state == "booked"
    finance.post(address(line, "undo"), {"_reason": "Wrong"})
    assert BankLine.objects.get().state == "review"
    finance.post(address(line, "ignore"), {"_reason": "Not ours"})
    assert (BankLine.objects.get().state, BankLine.objects.get().reason) == ("ignored", "Not ours")
    assert "Not ours" in finance.get(address(line, "change")).content.decode()


def test_a_booking_above_the_limit_waits_for_a_second_person(member):
    make_due(ACME)
    ApprovalRule.objects.filter(kind="manual_payments").update(is_required=True)
    line = reviewed(Transfer("119.00", "INV-00001", ACME))
    assert line.state == "review"
    assert line.reason.startswith("There is no limit in EUR")

    page = member("finance").post(address(line, "book"), {"invoices": "INV-00001"}, follow=True).content.decode()

    assert "A second person must approve this." in page
    assert ApprovalRequest.objects.get().kind == "manual_payments"
    assert not Payment.objects.exists()


def test_lines_of_a_file_count_together_toward_the_limit():
    make_due(ACME), make_due(ACME, "80.00"), make_due("Windmere Labs Ltd", "90.00")
    rule = ApprovalRule.objects.get(kind="manual_payments")
    rule.is_required = True
    rule.save()
    rule.limits.create(unit="EUR", amount=D(150))

    reviewed(
        Transfer("119.00", "INV-00001", ACME),
        Transfer("80.00", "INV-00002", ACME),
        Transfer("90.00", "INV-00003", "Windmere Labs"),
    )

    assert list(BankLine.objects.order_by("pk").values_list("state", flat=True)) == ["booked", "review", "booked"]


def test_support_sees_nothing_and_the_approver_books_nothing(member):
    make_due(ACME)
    line = reviewed(Transfer("119.00", "January", ACME))
    support, approver = member("support"), member("finance approver")

    assert support.get(LIST).status_code == support.get(REVIEW).status_code == 403
    assert support.get(address(line, "change")).status_code == 403
    assert approver.get(IMPORT).status_code == 403
    assert 'name="invoices"' not in approver.get(REVIEW).content.decode()
    assert approver.post(address(line, "book"), {"invoices": "INV-00001"}).status_code == 403


def test_restricted_staff_see_lines_of_their_sellers(member):
    make_due(ACME)
    line = reviewed(Transfer("119.00", "January", ACME))
    finance = member("finance")
    user_id = int(finance.session["_auth_user_id"])
    StaffSeller.objects.create(user_id=user_id, seller=make_seller("other", legal_name="Other Ltd"))

    assert "Nothing to review" in finance.get(REVIEW).content.decode()
    assert finance.post(address(line, "book"), {"invoices": "INV-00001"}).status_code in (302, 404)
    assert not Payment.objects.exists()
    page = finance.get(IMPORT).content.decode()
    assert "Other Ltd" in page
    assert "Acme Inc." not in page


def test_the_review_runs_as_many_queries_for_many_lines(member):
    transfers = [Transfer("119.00", f"R{number}", ACME, f"DE{number}") for number in range(15)]
    make_due(ACME)
    finance, counts = member("finance"), []
    finance.get(REVIEW)  # what a process reads once, such as content types
    for lines in (transfers[:3], transfers[3:]):
        import_content(camt([replace(line, day=date(2026, 3, len(lines) + 1)) for line in lines]))
        match_lines(at=NOW)
        with CaptureQueriesContext(connection) as captured:
            assert finance.get(REVIEW).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_the_menu_and_the_home_count_the_lines_to_review(member):
    reviewed(Transfer("119.00", "January", ACME))

    assert count_tasks(make_seller(), at=NOW)["bank_lines"] == 1
    page = member("finance").get("/admin/").content.decode()
    assert "Match bank payments: 1" in page
    assert "Bank statements" in member("finance").get("/admin/invoices/paymentattempt/").content.decode()
