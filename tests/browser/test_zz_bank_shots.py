"""Temporary screenshots."""

import pytest

from invoices.models import BankLine
from invoices.payments.bank_statements.matching_run import match_lines
from tests.invoices.bank_statements.bank_rows import NOW, Transfer, camt, import_transfers, make_due

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_shots(signed_in):
    for name, total in (("Acme Robotics GmbH", "119.00"), ("Acme Robotics GmbH", "80.00"), ("Windmere Labs Ltd", "119.00"), ("Harbor Health Inc.", "1190.00"), ("Quartz & Co. KG", "119.00")):
        make_due(name, total)
    transfers = [
        Transfer("119.00", "INV-00001", "ACME ROBOTICS", "DE89370400440532013000"),
        Transfer("119.00", "again inv 1", "ACME ROBOTICS", "DE89370400440532013000"),
        Transfer("80.00", "our invoice of January, customer 4711", "ACME ROBOTICS", "DE89370400440532013000"),
        Transfer("1000.00", "INV-00004 first part", "Jane Doe", "GB33BUKB20201555555555"),
        Transfer("119.00", "INV-00003", "Payment Hub 24"),
        Transfer("-12.50", "Account fee", "Bank"),
    ]
    page = signed_in("finance")
    page.goto("/admin/invoices/bankstatement/")
    page.screenshot(path="/tmp/shots/empty.png")
    page.goto("/admin/invoices/bankstatement/import_file/")
    page.screenshot(path="/tmp/shots/import.png", full_page=True)
    page.locator("input[type=file]").set_input_files({"name": "march.xml", "mimeType": "application/xml", "buffer": camt(transfers)})
    page.get_by_role("button", name="Preview lines").click()
    page.screenshot(path="/tmp/shots/preview.png", full_page=True)
    page.get_by_role("button", name="Import 6 lines").click()
    page.screenshot(path="/tmp/shots/review.png", full_page=True)
    page.goto("/admin/invoices/bankstatement/")
    page.screenshot(path="/tmp/shots/list.png")
    page.locator("#result_list a").first.click()
    page.screenshot(path="/tmp/shots/statement.png", full_page=True)
    line = BankLine.objects.filter(state="review").order_by("pk").last()
    page.goto(f"/admin/invoices/bankline/{line.pk}/change/")
    page.screenshot(path="/tmp/shots/line.png", full_page=True)
    page.goto(f"/admin/invoices/bankline/{line.pk}/book/")
    page.screenshot(path="/tmp/shots/book.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    for name, address in (("review", "bankstatement/review/"), ("line", f"bankline/{line.pk}/change/"), ("import", "bankstatement/import_file/")):
        page.goto(f"/admin/invoices/{address}")
        page.screenshot(path=f"/tmp/shots/{name}-390.png", full_page=True)
