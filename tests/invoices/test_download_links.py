"""A customer's link opens one PDF of theirs until it expires, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core.signing import Signer
from django.test import Client, override_settings

from invoices.documents import signed_links
from invoices.models import Rendering
from tests.builders import make_customer
from tests.invoices.rendering.issued_invoices import store
from tests.invoices.rendering.pdf_reader import text_of
from tests.invoices.rendering.samples import BUYER, fee, invoice

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=False), override_settings(INVOICE_USAGE=""):
        yield


@pytest.fixture
def stored():
    return store(invoice(fee("19.00")))


def signed(*payload: object, salt: str = signed_links.SALT) -> str:
    return f"/invoices/{Signer(salt=salt).sign_object(list(payload))}.pdf"


def test_the_link_opens_the_file_any_number_of_times(client: Client, stored):
    link = signed_links.create_link(stored, at=NOW)
    answers = [client.get(link) for _ in range(2)]
    for answer in answers:
        assert answer.status_code == 200
        assert stored.number in text_of(answer.content)
    assert answers[0].content == answers[1].content == bytes(Rendering.objects.get(invoice=stored).content)


def test_the_response_is_a_download_that_no_cache_stores(client: Client, stored):
    answer = client.get(signed_links.create_link(stored, at=NOW))
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{stored.number}.pdf"'
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer["X-Robots-Tag"]


NAMES = [
    ("INV-000042", "INV-000042.pdf"),
    ("INV/2026/7", "INV-2026-7.pdf"),
    ('a"; filename="b\r\nX: y', "a-filename-b-X-y.pdf"),
    ("../../etc/passwd", "etc-passwd.pdf"),
]


@pytest.mark.parametrize(("number", "name"), NAMES)
def test_the_file_name_is_safe_for_any_number(client: Client, number, name):
    answer = client.get(signed_links.create_link(store(invoice(fee("19.00")), number=number), at=NOW))
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'


def test_the_link_expires_on_time(client: Client, stored):
    link = signed_links.create_link(stored, at=NOW, lasts=timedelta(hours=1))
    with time_machine.travel(NOW + timedelta(hours=1) - MINUTE, tick=False):
        assert client.get(link).status_code == 200
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        answer = client.get(link)
    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()
    assert answer["Cache-Control"] == "private, no-store"


def test_no_changed_link_opens_anything(client: Client, stored):
    link = signed_links.create_link(stored, at=NOW)
    start, end = len("/invoices/"), len(link) - len(".pdf")
    forged = {link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :] for place in range(start, end)}
    assert len(forged) == end - start
    for forged_link in forged:
        assert client.get(forged_link).status_code == 404, forged_link


FORGED = [
    "/invoices/x.pdf",
    "/invoices/:::.pdf",
    "/invoices/%00.pdf",
    "/invoices/" + "A" * 5_000 + ".pdf",
    "/invoices/é.pdf",
]


@pytest.mark.parametrize("link", FORGED)
def test_no_invented_link_opens_anything(client: Client, link):
    assert client.get(link).status_code == 404


def test_a_signature_for_something_else_opens_nothing(client: Client, stored):
    later = int((NOW + MINUTE).timestamp())
    assert client.get(signed(stored.pk, stored.customer_id, later)).status_code == 200
    assert client.get(signed(stored.pk, stored.customer_id, later, salt="sessions")).status_code == 404
    assert client.get(signed(stored.pk, stored.customer_id)).status_code == 404
    assert client.get(signed("x", "y", later)).status_code == 404
    assert client.get(signed(stored.pk, stored.customer_id, "soon")).status_code == 404
    assert client.get(signed(stored.pk, stored.customer_id, 1e300)).status_code == 404


def test_the_link_is_bound_to_the_invoices_own_customer(client: Client, stored):
    other = make_customer()
    other_invoice = store(invoice(fee("5.00")), customer=other)
    later = int((NOW + MINUTE).timestamp())
    assert client.get(signed(stored.pk, other.pk, later)).status_code == 404
    assert client.get(signed(other_invoice.pk, stored.customer_id, later)).status_code == 404
    assert (
        client.get(signed_links.create_link(other_invoice, at=NOW)).content
        != client.get(signed_links.create_link(stored, at=NOW)).content
    )


def test_links_of_different_invoices_have_different_signatures(stored):
    every = [signed_links.create_link(store(invoice(fee("1.00"))), at=NOW) for _ in range(3)]
    for link, next_link in pairwise(every):
        assert link.rsplit(":", 1)[1] != next_link.rsplit(":", 1)[1]


def test_a_draft_has_no_link():
    with pytest.raises(ValueError, match="has no file"):
        signed_links.create_link(store(invoice(fee("19.00"), state="draft")), at=NOW)


def test_a_failed_rendering_shows_a_proper_page(client: Client):
    bad = store(invoice(fee("19.00"), buyer=replace(BUYER, legal_name="Tokyo \u0378 Ltd")))
    answer = client.get(signed_links.create_link(bad, at=NOW))
    assert answer.status_code == 503
    assert answer["Retry-After"] == "60"
    assert f"Invoice {bad.number} is being prepared" in answer.content.decode()
    assert "U+0378" not in answer.content.decode(), "the reason is for staff"


def test_only_reading_is_allowed(client: Client, stored):
    link = signed_links.create_link(stored, at=NOW)
    assert client.post(link).status_code == 405
    assert client.head(link).status_code == 200


def test_links_expire_with_the_key_that_signed_them(client: Client, stored):
    link = signed_links.create_link(stored, at=NOW)
    with override_settings(SECRET_KEY="another-secret-key-of-fifty-characters-and-some-more"):
        assert client.get(link).status_code == 404
