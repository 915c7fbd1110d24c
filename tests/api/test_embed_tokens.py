"""The product gets addresses of embedded pages of one customer, and can revoke them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import PortalSession, Seller
from tests.api.calls import Caller, faults, problem
from tests.builders import make_customer

BODY = {"pages": ["usage", "balance"], "seconds": 900}
PATH = "/customers/acme/embed-tokens"


@pytest.fixture
def acme(db):
    customer = make_customer("acme", legal_name="Acme Ltd")
    Seller.objects.update(frame_ancestors=["https://app.example.com"])
    return customer


def open_page(url: str) -> int:
    return Client().get(url.removeprefix("http://testserver")).status_code


def test_the_addresses_open_until_the_token_is_revoked(live, acme):
    response = live.post(PATH, BODY, Idempotency_Key="k")
    repeated = live.post(PATH, BODY, Idempotency_Key="k")
    token = response.json()

    assert response.status_code == repeated.status_code == 201
    assert repeated.json()["urls"] is None, "the secret is not kept"
    assert set(token["urls"]) == {"usage", "balance"}
    assert PortalSession.objects.get().expires_at - timezone.now() < timedelta(minutes=15)
    assert [open_page(url) for url in token["urls"].values()] == [200, 200]

    assert live.send("DELETE", f"{PATH}/{token['id']}").status_code == 204
    assert live.send("DELETE", f"{PATH}/{token['id']}").status_code == 204
    assert [open_page(url) for url in token["urls"].values()] == [410, 410]


def test_the_secret_is_kept_hashed(live, acme):
    secret = live.post(PATH, BODY).json()["urls"]["usage"].split("/")[-2]

    assert secret not in str(PortalSession.objects.values().get())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pages": []}, "pages"),
        ({"pages": ["admin"]}, "pages.0"),
        ({"seconds": 59}, "seconds"),
        ({"seconds": 3601}, "seconds"),
        ({"contact": "bea@acme.example"}, "contact"),
    ],
)
def test_a_refusal_names_the_field(live, acme, change, field):
    assert field in faults(live.post(PATH, BODY | change))


def test_a_seller_without_sites_embeds_nothing(live, acme):
    Seller.objects.update(frame_ancestors=[])

    problem(live.post(PATH, BODY), 409, "conflict")


def test_other_keys_are_refused(live, sandbox, acme):
    make_customer("other")
    number = live.post(PATH, BODY).json()["id"]

    problem(sandbox.post(PATH, BODY), 404, "not-found")
    problem(Caller(scopes=["read"]).post(PATH, BODY), 403, "scope-missing")
    problem(live.send("DELETE", f"/customers/other/embed-tokens/{number}"), 404, "not-found")


@pytest.mark.parametrize(
    "origins", [["http://app.example.com"], ["https://a.example/path"], ["*"], ["https://a.example"] * 11, "x"]
)
def test_sites_of_a_seller_are_origins(live, acme, origins):
    code = Seller.objects.get().code

    assert any(
        name.startswith("frame_ancestors")
        for name in faults(live.patch(f"/sellers/{code}", {"frame_ancestors": origins}))
    )


def test_sites_of_a_seller_are_replaced(live, acme):
    code, origins = Seller.objects.get().code, ["https://b.example:8443", "http://localhost:5173"]

    assert live.patch(f"/sellers/{code}", {"frame_ancestors": origins}).json()["frame_ancestors"] == origins
