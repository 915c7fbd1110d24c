"""Emails about approval requests: to the approvers, twice as a reminder, and to the requester once decided."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.approvals import approve, expire_due, reject
from access.approvals.emails import mail_due_requests
from customers.models import Seller, StaffSeller
from tests.approvals.conftest import ask, credit
from tests.builders import make_seller

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


@pytest.fixture
def waiting(invoice, fiona, paula, require):
    require("credit_notes", EUR=1)
    return ask(fiona, credit(invoice))


def sent(mailoutbox):
    """Return (recipient, subject) of the emails since the last look."""
    emails = [(email.to[0].partition("@")[0], email.subject) for email in mailoutbox]
    mailoutbox.clear()
    return emails


def test_the_approvers_are_told_once_and_reminded_twice(waiting, settings, mailoutbox):
    settings.PUBLIC_URL = "https://billing.example"
    since = waiting.requested_at
    assert mail_due_requests(at=since + HOUR) == 1
    assert f"https://billing.example/admin/access/approvalrequest/{waiting.pk}/change/" in mailoutbox[0].body
    assert "Reason: Outage" in mailoutbox[0].body
    assert "fiona asks for your approval: Credit €17.85 of INV-00001." in mailoutbox[0].body
    assert "because you can approve credit notes" in mailoutbox[0].alternatives[0][0]
    assert sent(mailoutbox) == [("paula", "Approval needed: Credit €17.85 of INV-00001")]
    for after in (2 * HOUR, DAY - HOUR, DAY, 2 * DAY, 5 * DAY, 6 * DAY):
        mail_due_requests(at=since + after)
    assert sent(mailoutbox) == [("paula", "Reminder: approval needed: Credit €17.85 of INV-00001")] * 2


@pytest.mark.parametrize(("decide", "state"), [(approve, "approved and carried out"), (reject, "rejected")])
def test_the_requester_learns_the_decision(waiting, paula, mailoutbox, decide, state):
    mail_due_requests(at=timezone.now())
    sent(mailoutbox)
    decide(request_id=waiting.pk, by=paula, at=timezone.now(), decision="As agreed on the phone")
    mail_due_requests(at=timezone.now())
    assert "As agreed on the phone" in mailoutbox[0].body
    assert sent(mailoutbox) == [("fiona", f"Credit €17.85 of INV-00001: {state}")]
    assert mail_due_requests(at=timezone.now() + 7 * DAY) == 0


def test_the_requester_learns_that_a_request_has_expired(waiting, mailoutbox):
    mail_due_requests(at=timezone.now())
    sent(mailoutbox)
    expire_due(at=timezone.now() + 7 * DAY)
    mail_due_requests(at=timezone.now() + 7 * DAY)
    assert sent(mailoutbox) == [("fiona", "Credit €17.85 of INV-00001: expired")]


def test_an_approver_of_another_seller_gets_no_email(waiting, paula, staff, mailoutbox):
    StaffSeller.objects.create(user=staff("peter", "finance approver"), seller=make_seller("other"))
    StaffSeller.objects.create(user=staff("petra", "finance approver"), seller=Seller.objects.get(code="acme"))
    mail_due_requests(at=timezone.now())
    assert {recipient for recipient, _subject in sent(mailoutbox)} == {"paula", "petra"}


def test_an_email_that_the_server_refuses_stays_due(waiting, monkeypatch, mailoutbox):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", refuse)
        with pytest.raises(ConnectionRefusedError):
            mail_due_requests(at=timezone.now())
    mail_due_requests(at=timezone.now())
    assert len(mailoutbox) == 1
