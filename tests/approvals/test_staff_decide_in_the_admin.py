"""Staff request, approve and reject acts in the admin."""

import pytest
from django.test import Client

from access.models import ApprovalRequest, ApprovalRule
from invoices.models import Invoice, MonthLock, Payment, WriteOff
from tests.approvals.conftest import ask, credit
from tests.builders import make_wallet
from wallets.models import Lot

pytestmark = pytest.mark.django_db


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def text_of(response):
    return response.content.decode()


@pytest.fixture
def approve_all(paula):
    """Return a function that approves all waiting requests on their pages."""

    def decide():
        for request in ApprovalRequest.objects.filter(state="waiting"):
            answer = signed_in(paula).post(f"/admin/access/approvalrequest/{request.pk}/approve/", follow=True)
            assert "approved and carried out" in text_of(answer)

    return decide


def test_a_credit_note_is_requested_and_approved(invoice, fiona, require, approve_all):
    require("credit_notes", EUR=1)
    form = {"seen": "0", "is_whole": "yes", "to": "refund", "_reason": "Outage", "_issue": ""}
    answer = signed_in(fiona).post(f"/admin/invoices/invoice/{invoice.pk}/credit/", form, follow=True)
    page = text_of(answer)
    for part in (
        "A second person must approve this. Nothing is carried out until then.",
        "Credit €17.85 of INV-00001",
        "You can&#x27;t approve your own request. A second person must decide.",
        "Refund to the customer",
        "credited: 0, paid: 0",
    ):
        assert part in page
    assert not Invoice.objects.filter(kind="credit_note").exists()
    approve_all()
    assert Invoice.objects.get(kind="credit_note").total.amount == invoice.total.amount


ACTS = [
    # kind               path                                         form                                model
    ("credit_notes", "invoices/invoice/{invoice}/void/", {"reason": "Wrong"}, Invoice),
    ("write_offs", "invoices/invoice/{invoice}/write_off/", {"_reason": "Bankrupt"}, WriteOff),
    ("manual_payments", "invoices/invoice/{invoice}/record_payment/", {"amount": 5, "reference": "bank 7"}, Payment),
    (
        "grants",
        "wallets/wallet/{wallet}/grant/",
        {"amount": 7, "kind": "bonus", "key": "6b1f4c9e-52a3-4b1c-9a55-0d6f1c7f2f11", "_do": ""},
        Lot,
    ),
]


@pytest.mark.parametrize(("kind", "path", "form", "model"), ACTS)
def test_other_acts_are_requested_and_approved(invoice, fiona, require, approve_all, kind, path, form, model):
    wallet = make_wallet(invoice.customer)
    require(kind)
    before = model.objects.count()
    address = "/admin/" + path.format(invoice=invoice.pk, wallet=wallet.pk)
    answer = signed_in(fiona).post(address, {"_reason": "Agreed", **form}, follow=True)
    assert "A second person must approve this" in text_of(answer)
    assert model.objects.count() == before
    approve_all()
    assert model.objects.count() == before + 1
    assert ApprovalRequest.objects.get().outcome_id == model.objects.latest("pk").pk


def test_a_month_is_unlocked_by_two_people(invoice, staff, require, approve_all):
    require("unlocked_months")
    peter = staff("peter", "finance approver")
    lock = MonthLock.objects.create(
        seller=invoice.seller,
        month="2026-01-01",
        checklist=[],
        sums=[],
        ends_at="2026-02-01T00:00Z",
        locked_at="2026-02-02T00:00Z",
    )
    address = f"/admin/invoices/monthlock/month-end/{invoice.seller_id}/2026-01/unlock/"
    signed_in(peter).post(address, {"_reason": "An invoice was missing"})
    lock.refresh_from_db()
    assert lock.unlocked_at is None
    approve_all()
    lock.refresh_from_db()
    assert (lock.unlocked_by, lock.unlock_reason) == (peter, "An invoice was missing")


def test_the_approver_sees_the_request_in_the_menu_and_the_list(invoice, fiona, paula, require):
    require("credit_notes", EUR=1)
    ask(fiona, credit(invoice))
    page = text_of(signed_in(paula).get("/admin/access/approvalrequest/"))
    for part in ("Credit €17.85 of INV-00001", "awaiting approval", "17.85 EUR", "fiona"):
        assert part in page


def test_a_rejection_has_a_reason(invoice, fiona, paula, require):
    require("credit_notes", EUR=1)
    request = ask(fiona, credit(invoice))
    address = f"/admin/access/approvalrequest/{request.pk}/reject/"
    assert "Enter a reason for the requester" in text_of(signed_in(paula).post(address))
    page = text_of(signed_in(paula).post(address, {"_reason": "Not agreed"}, follow=True))
    assert "rejected" in page
    assert "Not agreed" in page


def test_a_lapsed_request_says_what_has_changed(invoice, fiona, paula, require):
    require("credit_notes", EUR=2)
    request = ask(fiona, credit(invoice, "5"))
    ask(fiona, credit(invoice, "1"))
    answer = signed_in(paula).post(f"/admin/access/approvalrequest/{request.pk}/approve/", follow=True)
    assert "The request has lapsed. INV-00001 has changed." in text_of(answer)


def test_an_approver_changes_a_rule_on_its_page(paula):
    rule = ApprovalRule.objects.get(kind="refunds")
    address = f"/admin/access/approvalrule/{rule.pk}/change_rule/"
    form = {"is_required": "on", "limits": "EUR 500\ncredits 10000"}
    page = text_of(signed_in(paula).post(address, form, follow=True))
    assert "The rule for refunds and payouts is changed." in page
    assert "10,000 credits, 500 EUR" in page
    wrong = text_of(signed_in(paula).post(address, {"is_required": "on", "limits": "EUR five"}))
    assert "“EUR five” is not a limit" in wrong
