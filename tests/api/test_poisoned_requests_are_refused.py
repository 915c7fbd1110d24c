"""Input that PostgreSQL can't store, or that two parsers read differently, gets 4xx and never 5xx."""

import gzip
import json

import pytest
from django.test import Client

from tests.api.calls import problem

GOOD = {"id": "acme", "legal_name": "Acme", "country": "DE"}


def shell(value: str) -> bytes:
    """Return a valid customer with this JSON as its legal name."""
    return b'{"id": "acme", "country": "DE", "legal_name": ' + value.encode("utf-8", "surrogatepass") + b"}"


MALFORMED = {
    "no JSON": b"{",
    "cut off": b'{"id": "acme"',
    "two values": b"{} {}",
    "gzip": gzip.compress(json.dumps(GOOD).encode()),
    "not UTF-8": b'{"legal_name": "\xff"}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "overlong UTF-8": b'{"legal_name": "\xc0\xaf"}',
    "a NUL in a value": shell(r'"a\u0000b"'),
    "a NUL in a key": b'{"a\\u0000b": 1}',
    "a NUL in a list": shell(r'["a\u0000b"]'),
    "a raw NUL": b'{"legal_name": "a\x00b"}',
    "half of a pair": shell(r'"\ud800"'),
    "half of a pair in a key": b'{"\\udfff": 1}',
    "NaN": shell("NaN"),
    "Infinity": shell("-Infinity"),
    "1e400": shell("1e400"),
    "1e999999999": shell("1e999999999"),
    "a long integer": shell("9" * 39),
    "5,000 digits": shell("9" * 5000),
    "a key twice": b'{"id": "acme", "id": "other", "legal_name": "Acme", "country": "DE"}',
    "17 levels": shell("[" * 16 + "]" * 16),
    "1,000 levels": shell("[" * 1000 + "]" * 1000),
    "100,000 levels": b"[" * 100_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_cannot_be_read(live, body):
    assert "field" not in problem(live.post("/customers", body), 400, "malformed-request")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true", b"[{}]", b""])
def test_a_body_that_is_no_object(live, body):
    problem(live.post("/customers", body), 400, "invalid-fields")


@pytest.mark.parametrize("value", ['"' + "x" * 201 + '"', "{}", "[]", "null", "true", '""', '"   "', "1e37"])
def test_a_value_of_the_wrong_type(live, seller, value):
    problem(live.post("/customers", shell(value)), 400, "invalid-fields")


NAMES = ["Ünïcode GmbH", "東京株式会社", "🦊 & Söhne", "\u202ertl", "zero\u200bwidth", "e\u0301", "' OR 1=1--"]


@pytest.mark.parametrize("name", NAMES)
def test_text_in_any_script_is_returned_unchanged(live, seller, name):
    assert live.post("/customers", GOOD | {"legal_name": name}).status_code == 201
    assert live.get("/customers/acme").json()["legal_name"] == name


def test_sixteen_levels_are_read(live, seller):
    body = b'{"legal_name": ' + b"[" * 15 + b"]" * 15 + b"}"

    problem(live.post("/customers", body), 400, "invalid-fields")


def test_brackets_inside_text_are_text(live, seller):
    assert live.post("/customers", GOOD | {"legal_name": '[[[[[[[[[[[[[[[[[[[{"\\'}).status_code == 201


def test_a_body_beyond_1_mib(live):
    problem(live.post("/customers", b" " * (1024 * 1024 + 1)), 413, "body-too-large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_with_another_media_type(live, media_type):
    response = live.client.post(
        "/api/v1/customers", json.dumps(GOOD), content_type=media_type, headers=live._headers()
    )

    problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize("address", ["/customers/a%00b", "/plans?cursor=%00", "/invoices?state=a%00", "/pl%00ans"])
def test_a_nul_in_the_address(live, address):
    problem(live.get(address), 400, "malformed-request")


@pytest.mark.parametrize("address", ["/customers/%ff%fe", "/customers/%ed%a0%80", "/customers/" + "x" * 5000])
def test_an_address_that_is_no_text_is_not_found(live, address):
    problem(live.get(address), 404, "not-found")


@pytest.mark.parametrize(
    "address", ["/invoices/99999999999999999999999", "/invoices/0", "/plans/pro/versions/99999999999999999999"]
)
def test_a_number_beyond_every_row_is_not_found(live, address):
    problem(live.get(address), 404, "not-found")


@pytest.mark.django_db
def test_a_nul_is_rejected_before_authentication(django_assert_num_queries):
    with django_assert_num_queries(0):
        problem(Client().get("/api/v1/customers/%00"), 400, "malformed-request")
