"""The portal has the language chosen in the footer, else the customer's, and before sign-in the browser's."""

import pytest
from django.test import Client

from customers.models import Customer

pytestmark = pytest.mark.django_db


def language_of(answer) -> str:
    return answer.content.decode().partition('<html lang="')[2].partition('"')[0]


@pytest.mark.parametrize(
    ("locale", "language"), [("de_AT", "de"), ("fr", "fr"), ("es_MX", "es"), ("en_GB", "en"), ("ja_JP", "en")]
)
def test_a_customers_locale_decides(own, locale, language):
    Customer.objects.filter(pk=own.customer.pk).update(locale=locale)
    assert language_of(own.client().get("/portal/invoices")) == language


def test_a_choice_in_the_footer_lasts_and_returns_to_the_page(own):
    client = own.client()
    answer = client.post("/portal/language", {"language": "fr", "next": "/portal/usage?by=day"})
    assert (answer.status_code, answer["Location"]) == (303, "/portal/usage?by=day")
    assert language_of(client.get("/portal/usage")) == "fr"


@pytest.mark.parametrize("address", ["https://evil.example/portal/", "//evil.example/portal/", "/admin/", ""])
def test_a_choice_leads_nowhere_outside_of_the_portal(own, address):
    answer = own.client().post("/portal/language", {"language": "de", "next": address})
    assert answer["Location"].startswith("/portal/")


def test_an_unknown_language_is_not_stored(own):
    answer = own.client().post("/portal/language", {"language": "tlh", "next": "/portal/usage"})
    assert not answer.cookies


def test_before_sign_in_the_browser_decides():
    assert language_of(Client().get("/portal/sign-in", headers={"Accept-Language": "es-AR,es;q=0.9"})) == "es"


def test_the_api_is_english_in_every_browser(own):
    client = Client(headers={"Accept-Language": "de"})
    client.cookies["django_language"] = "de"
    assert client.get("/api/v1/customers").json()["title"] == "No valid API key"
