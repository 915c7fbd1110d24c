"""Bank files are imported, and their lines booked or ignored, over HTTP."""

import base64

import pytest

from access.models.approvals import ApprovalRule
from invoices.models import BankLine, Payment
from invoices.payments.bank_statements.match_run import match_lines
from tests.invoices.bank_statements.bank_rows import NOW, Transfer, camt, make_due

ACME = "Acme Robotics GmbH"


def body(*transfers, **fields):
    content = base64.b64encode(camt(transfers)).decode()
    return {"seller": "acme", "content": content, "file_name": "march.xml", **fields}


@pytest.fixture
def invoice(db):
    return make_due(ACME)


def test_a_file_is_imported_and_its_lines_are_listed(live, invoice):
    created = live.post("/bank-statements", body(Transfer("119.00", "INV-00001", ACME)))
    match_lines(at=NOW)

    assert created.status_code == 201
    assert (created.json()["new"], created.json()["repeated"]) == (1, 0)
    (statement,) = live.get("/bank-statements").json()["data"]
    assert statement == created.json()["statements"][0]
    assert (statement["format"], statement["opening"], statement["closing"]) == ("camt053", "1000", "1119")
    (line,) = live.get("/bank-lines", state="booked").json()["data"]
    assert line["amount"] == {"amount": "119.00", "currency": "EUR"}
    assert line["customer"] == invoice.customer.external_id
    assert line["bookings"] == [
        {"invoice": invoice.pk, "amount": "119", "payment": Payment.objects.get().pk, "balance_entry": None}
    ]
    again = live.post("/bank-statements", body(Transfer("119.00", "INV-00001", ACME)))
    assert again.json() == {"statements": [], "new": 0, "repeated": 1}


def test_a_line_for_review_is_booked_or_ignored(live, invoice):
    live.post("/bank-statements", body(Transfer("119.00", "January"), Transfer("5.00", "Interest")))
    match_lines(at=NOW)
    first, second = BankLine.objects.order_by("pk")

    booked = live.post(f"/bank-lines/{first.pk}/book", {"invoices": [{"invoice": invoice.pk}]})
    ignored = live.post(f"/bank-lines/{second.pk}/ignore", {"reason": "Interest"})

    assert (booked.status_code, booked.json()["state"]) == (200, "booked")
    assert (ignored.json()["state"], ignored.json()["reason"]) == ("ignored", "Interest")
    refused = live.post(f"/bank-lines/{first.pk}/book", {"invoices": [{"invoice": invoice.pk}]})
    assert refused.status_code == 422
    assert "The line is not for review" in refused.json()["detail"]


def test_a_booking_above_the_limit_is_accepted_for_approval(live, invoice):
    ApprovalRule.objects.filter(kind="manual_payments").update(is_required=True)
    live.post("/bank-statements", body(Transfer("119.00", "INV-00001", ACME)))
    match_lines(at=NOW)
    line = BankLine.objects.get()
    assert line.state == "review"

    answer = live.post(f"/bank-lines/{line.pk}/book", {"invoices": [{"invoice": invoice.pk}]})

    assert (answer.status_code, answer.json()["kind"]) == (202, "manual_payments")
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"content": "%%"}, 400, "base64"),
        ({"content": base64.b64encode(b"a;b").decode()}, 422, "enter the bank account"),
        ({"seller": "nobody"}, 400, "There is no seller nobody"),
    ],
)
def test_a_wrong_file_is_refused(live, invoice, change, status, text):
    answer = live.post("/bank-statements", body(Transfer("1.00")) | change)
    assert answer.status_code == status
    assert text in str(answer.json())


def test_sandbox_keys_see_no_bank_lines(live, sandbox, invoice):
    live.post("/bank-statements", body(Transfer("119.00", "INV-00001", ACME)))
    line = BankLine.objects.get()

    assert sandbox.get("/bank-lines").json()["data"] == []
    assert sandbox.get(f"/bank-lines/{line.pk}").status_code == 404
    assert sandbox.post("/bank-statements", body(Transfer("1.00"))).status_code == 400
