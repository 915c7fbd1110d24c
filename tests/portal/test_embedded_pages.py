"""An embedded page is framed by the seller's sites only; its token opens one customer, read-only, and ends."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from customers.models import PortalSession, Seller
from customers.models.portal_access import EmbeddedPage, PortalAccessWay
from customers.portal.visit import COOKIE
from customers.portal_auth.embed_tokens import revoke
from customers.portal_auth.retention import delete_old_access_records
from tests.portal.accounts import TODAY
from tests.portal.embedding import SITE, allow_sites, token_of
from tests.portal.test_customers_see_only_their_own_rows import PAGES

pytestmark = pytest.mark.django_db

CHANGES = {name for name, (method, _) in PAGES.items() if method == "POST"}


@pytest.fixture(autouse=True)
def sites(own):
    allow_sites(SITE, "http://localhost:3000")


def path_of(name: str, account, secret: str) -> str:
    return f"/embed/{secret}{reverse(name, kwargs=PAGES[name][1](account))}"


def policy(response) -> str:
    return response["Content-Security-Policy"]


def test_only_the_sites_of_the_seller_may_frame_a_page(own, client):
    secret = token_of(own.customer)[1]
    for page in ("usage", "balance", "portal/"):
        response = client.get(f"/embed/{secret}/{page}")

        assert response.status_code == 200
        assert f"frame-ancestors {SITE} http://localhost:3000" in policy(response)
        assert "X-Frame-Options" not in response
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "private, no-store"
        assert not response.cookies


def test_nobody_may_frame_a_page_without_a_site(own, client):
    allow_sites()
    response = client.get(f"/embed/{token_of(own.customer)[1]}/usage")

    assert "frame-ancestors 'none'" in policy(response)
    assert response["X-Frame-Options"] == "DENY"


def test_no_site_may_frame_other_pages(own):
    for path in ("/portal/", "/portal/sign-in", "/admin/login/", "/embed/unknown/usage"):
        response = own.client().get(path)

        assert "frame-ancestors 'none'" in policy(response)
        assert response["X-Frame-Options"] == "DENY"


def test_the_charts_show_usage_and_balance(own, client):
    secret = token_of(own.customer)[1]
    usage, balance = (client.get(f"/embed/{secret}/{page}").content.decode() for page in ("usage", "balance"))

    assert "walnut calls by day" in usage
    assert usage.count("<rect") == 28
    assert "76 more are billed" in usage
    assert "walnut credits by day" in balance
    assert balance.count("<rect") == 30
    own.wallet.refresh_from_db()
    assert balance.count(f"{own.wallet.balance.normalize():f} credits") > 1


def test_a_token_opens_the_pages_that_it_names(own, client):
    for opened in EmbeddedPage.values:
        secret = token_of(own.customer, opened)[1]
        statuses = {
            page: client.get(f"/embed/{secret}/{path}").status_code
            for page, path in (("usage", "usage"), ("balance", "balance"), ("portal", "portal/details"))
        }

        assert statuses == {page: 200 if page == opened else 404 for page in EmbeddedPage.values}


def test_the_portal_shows_the_rows_of_one_customer(own, foreign, client):
    secret = token_of(own.customer)[1]
    for name in set(PAGES) - CHANGES:
        assert client.get(path_of(name, own, secret)).status_code == 200, name
        if PAGES[name][1](own) != PAGES[name][1](foreign):
            assert client.get(path_of(name, foreign, secret)).status_code == 404, name


def test_every_change_is_refused(own, client):
    secret = token_of(own.customer)[1]

    for name in PAGES:
        assert client.post(path_of(name, own, secret), {"amount": "1"}).status_code == 405, name


def test_a_page_that_only_changes_something_is_not_found(own, client):
    secret = token_of(own.customer)[1]

    for name in CHANGES:
        assert client.get(path_of(name, own, secret)).status_code == 404, name
    assert own.customer.contacts.count() == 2


def test_pages_outside_of_an_account_are_not_found(own, client):
    secret = token_of(own.customer)[1]

    for path in ("sign-in", "sign-out", "enter/abc", "language", "nowhere", "../admin/"):
        assert client.get(f"/embed/{secret}/portal/{path}").status_code == 404, path


def test_links_stay_within_the_token(own, client):
    secret = token_of(own.customer)[1]
    pages = {
        name: client.get(path_of(name, own, secret)).content.decode()
        for name in sorted(set(PAGES) - CHANGES)
        if not name.endswith(("table", "file", "statement"))
    }
    inside = f"/embed/{secret}/portal/"
    for name, page in pages.items():
        links = {urlsplit(link) for link in re.findall(r'<a [^>]*href="([^"]+)"', page)}
        outside = {link for link in links if link.path and not link.scheme and not link.path.startswith(inside)}
        assert outside == set(), name
        assert "<form method=" not in page.partition("<main")[0], "there is nothing to sign out of"


def test_the_next_request_has_links_of_its_own(own, client):
    client.get(f"/embed/{token_of(own.customer)[1]}/portal/")

    assert 'href="/portal/usage"' in own.client().get("/portal/").content.decode()


def test_a_token_ends(own, client):
    secret = token_of(own.customer, minutes=10)[1]
    with time_machine.travel(TODAY + timedelta(minutes=10, seconds=-1), tick=False):
        assert 'data-seconds="1"' in client.get(f"/embed/{secret}/usage").content.decode()
    with time_machine.travel(TODAY + timedelta(minutes=10), tick=False):
        for page in ("usage", "balance", "portal/", "portal/invoices"):
            response = client.get(f"/embed/{secret}/{page}")
            assert response.status_code == 410
            assert 'data-seconds="0"' in response.content.decode()
            assert "Walnut" not in response.content.decode()
            assert f"frame-ancestors {SITE}" in policy(response)


def test_a_revoked_token_opens_nothing(own, client):
    token, secret = token_of(own.customer)
    revoke(token, at=TODAY)

    assert client.get(f"/embed/{secret}/usage").status_code == 410


def test_a_token_is_no_session_and_a_session_is_no_token(own, client):
    client.cookies[COOKIE] = token_of(own.customer)[1]
    assert client.get("/portal/").status_code == 302

    assert client.get(f"/embed/{own.client().cookies[COOKIE].value}/usage").status_code == 404


def test_a_site_that_the_seller_removes_is_shut_out_at_once(own, client):
    secret = token_of(own.customer)[1]
    allow_sites("https://other.example")

    assert "frame-ancestors https://other.example;" in policy(client.get(f"/embed/{secret}/usage")) + ";"


def test_the_page_names_its_language_in_its_address(own, client):
    secret = token_of(own.customer)[1]

    assert 'lang="de"' in client.get(f"/embed/{secret}/usage?language=de").content.decode()
    assert 'data-theme="dark"' in client.get(f"/embed/{secret}/usage?theme=dark").content.decode()
    assert "data-theme" not in client.get(f"/embed/{secret}/usage?theme=x%22y").content.decode()


def test_tokens_are_deleted_a_day_after_their_end(own):
    token_of(own.customer)
    end = TODAY + timedelta(hours=1)

    assert delete_old_access_records(at=end + timedelta(days=1)) == 0
    assert delete_old_access_records(at=end + timedelta(days=1, seconds=1)) == 1


def test_the_database_refuses_a_token_that_is_more_than_a_look(own):
    token, _secret = token_of(own.customer)
    named, read_only = "only_an_embedded_session_names_its_pages", "embedded_session_is_read_only_for_an_hour_at_most"
    wrong = [
        (named, {"pages": []}),
        (named, {"pages": ["admin"]}),
        (named, {"way": PortalAccessWay.PRODUCT}),
        (read_only, {"expires_at": TODAY + timedelta(hours=1, seconds=1)}),
        (read_only, {"contact": own.contact, "email": own.contact.email}),
    ]
    for constraint, fields in wrong:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            PortalSession.objects.filter(pk=token.pk).update(**fields)


WRONG_ORIGINS = [
    *("http://app.example.com", "https://app.example.com/", "https://APP.example.com", "app.example.com", "*"),
    *("https://*.example.com", "https://a.example; script-src *", "https://a.example\n", "javascript:", "'self'", ""),
]


def test_the_database_refuses_what_is_no_origin(own):
    for origin in WRONG_ORIGINS:
        with pytest.raises(IntegrityError, match="embedding_sites_are_origins"), transaction.atomic():
            Seller.objects.update(frame_ancestors=[origin])


def test_the_form_of_a_seller_says_how_origins_are_entered(own):
    seller = own.customer.seller
    for origin in WRONG_ORIGINS:
        seller.frame_ancestors = [origin]
        with pytest.raises(ValidationError, match="frame_ancestors"):
            seller.full_clean()
    seller.frame_ancestors = [SITE, "http://127.0.0.1:5173"]
    seller.full_clean()


def test_a_token_of_another_account_shows_that_account(own, foreign):
    pages = [Client().get(f"/embed/{token_of(each.customer)[1]}/portal/") for each in (own, foreign)]

    assert ["Walnut" in page.content.decode() for page in pages] == [True, False]
    assert ["Zebra" in page.content.decode() for page in pages] == [False, True]
