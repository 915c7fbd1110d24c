"""Finance edits the wording of a mail: the form rejects unknown facts, previews the mail and sends a test mail."""

import pytest
from django.contrib.auth.models import User
from django.core import mail

from customers.models import EmailTemplate

LIST = "/admin/customers/emailtemplate/"
TYPED = {"kind": "invoice.paid", "language": "en", "subject": "Paid: {number}", "body": "Thanks.\n\nAll of {total}."}


def test_a_wording_is_stored_and_tested(member):
    client = member("finance")
    User.objects.update(email="fin@tollbook.example")
    assert client.post(f"{LIST}add/", TYPED).status_code == 302
    stored = EmailTemplate.objects.get()

    answer = client.post(f"{LIST}{stored.pk}/send_test/", follow=True)

    assert (stored.subject, mail.outbox[0].subject) == ("Paid: {number}", "Paid: INV-000042")
    assert mail.outbox[0].to == ["fin@tollbook.example"]
    assert "Test email sent to fin@tollbook.example" in answer.content.decode()


def test_an_unknown_fact_is_rejected(member):
    answer = member("finance").post(f"{LIST}add/", TYPED | {"subject": "{nothing}"})

    assert "no placeholder {nothing}" in answer.content.decode()
    assert not EmailTemplate.objects.exists()


PREVIEWS = [
    # typed                                     shown
    ({}, "Paid: INV-000042"),
    ({"subject": "", "body": ""}, "Invoice INV-000042 is paid"),
    ({"subject": "", "body": "", "language": "de"}, "Rechnung INV-000042 ist bezahlt"),
    ({"subject": "<script>x</script>"}, "&lt;script&gt;x&lt;/script&gt;"),
    ({"body": "{wrong}"}, "no placeholder {wrong}"),
    ({"kind": "nothing"}, "Choose a notification"),
]


@pytest.mark.parametrize(("typed", "shown"), PREVIEWS)
def test_the_preview_equals_the_mail(member, typed, shown):
    answer = member("finance").post(f"{LIST}preview/", TYPED | typed)

    assert shown in answer.content.decode()
    assert "<script>x" not in answer.content.decode()
    assert not EmailTemplate.objects.exists()


def test_support_reads_and_writes_nothing(member):
    client = member("support")

    assert client.get(LIST).status_code == 200
    assert client.post(f"{LIST}add/", TYPED).status_code == 403
