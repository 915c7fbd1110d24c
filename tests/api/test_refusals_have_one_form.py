"""Every error is problem+json with a stable type, whether a view, Django or PostgreSQL raises it."""

import json
import re
from pathlib import Path

import psycopg
import pytest
from django.db import DataError, InterfaceError, OperationalError
from django.test import Client, override_settings
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from config import urls
from lib.api.problem_types import PROBLEM_TYPES
from lib.api.problems import Problem
from tests.api.calls import faults, problem
from tests.builders import make_customer


class Failing(APIView):
    """A view that fails in the way that its address names."""

    required_scopes = {"GET": "read"}
    failures = {
        "bug": ZeroDivisionError("secret detail of the inside"),
        "gone": OperationalError("server closed the connection: host=10.0.0.1"),
        "closed": InterfaceError("connection already closed"),
        "torn": psycopg.OperationalError("consuming input failed: host=10.0.0.1"),
        "big": DataError("numeric field overflow"),
        "own": Problem("conflict", "It is so already.", retry_after=1.2),
    }

    def get(self, request, failure):
        raise self.failures[failure]


class Undeclared(APIView):
    """A view that declares no scopes."""

    def get(self, request):
        return Response("open to all")


class Urls:
    urlpatterns = [
        path("api/v1/fail/<str:failure>", Failing.as_view()),
        path("api/v1/undeclared", Undeclared.as_view()),
        *urls.urlpatterns,
    ]


@pytest.fixture
def failing(live):
    live.client = Client(raise_request_exception=False)
    with override_settings(ROOT_URLCONF=Urls):
        yield live


def test_an_unexpected_error_reveals_nothing(failing, caplog):
    response = failing.get("/fail/bug")

    problem(response, 500, "internal-error")
    assert b"secret" not in response.content
    assert "ZeroDivisionError" in caplog.text, "but the log has it"


@override_settings(DEBUG=True)
def test_an_error_reveals_nothing_in_debug_mode(failing):
    assert b"secret" not in failing.get("/fail/bug").content


@pytest.mark.parametrize("failure", ["gone", "closed", "torn"])
def test_an_unavailable_database_is_a_503_with_a_retry_time(failing, failure):
    response = failing.get(f"/fail/{failure}")

    problem(response, 503, "database-unavailable")
    assert int(response["Retry-After"]) > 0
    assert b"10.0.0.1" not in response.content


def test_a_value_that_can_not_be_stored_is_a_client_error(failing):
    problem(failing.get("/fail/big"), 400, "invalid-fields")


def test_an_error_of_the_product_keeps_its_text_and_headers(failing):
    response = failing.get("/fail/own")

    assert problem(response, 409, "conflict")["detail"] == "It is so already."
    assert response["Retry-After"] == "2"


def test_a_view_without_declared_scopes_refuses_every_caller(failing, caplog):
    problem(failing.get("/undeclared"), 403, "scope-missing")

    assert "Undeclared declares no scope" in caplog.text


@pytest.mark.parametrize("address", ["/nowhere", "/customers/", "/../admin", "/customers/acme/nothing"])
def test_an_address_that_does_not_exist(live, address):
    problem(live.get(address), 404, "not-found")


def test_an_address_outside_of_every_version():
    problem(Client().get("/api/v2/customers"), 404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "QUERYSET", "GET_QUERYSET"])
def test_a_method_that_an_address_does_not_have(live, method):
    response = live.send(method, "/customers")

    problem(response, 405, "method-not-allowed")
    assert "GET" in response["Allow"]


@pytest.mark.django_db
@override_settings(ALLOWED_HOSTS=["tollbook.example"])
def test_a_host_that_is_not_ours():
    problem(Client().get("/api/v1/customers", headers={"Host": "evil.example"}), 400, "malformed-request")


def test_several_invalid_fields_are_reported_with_their_paths(live):
    body = {"feature": "x" * 65, "currency": "usd", "quantities": [{"quantity": "1"}, {"quantity": "many"}]}

    assert faults(live.post("/plans/pro/preview", body)) == {
        "feature": "max_length",
        "currency": "invalid_choice",
        "quantities.1.quantity": "number",
    }


def test_a_violated_constraint_is_reported_with_its_message(live, seller):
    make_customer("acme", seller=seller)
    body = {"id": "acme", "legal_name": "Acme", "country": "DE"}

    error = problem(live.post("/customers", body), 409, "conflict")

    assert error["detail"] == "External id names one customer."
    assert error["errors"] == [{"field": "external_id", "code": "taken", "detail": "External id names one customer."}]


def test_the_language_does_not_depend_on_the_client(live):
    headers = {"Accept-Language": "de"} | live._headers()

    response = live.client.post("/api/v1/customers", {}, content_type="application/json", headers=headers)

    assert "legal_name: This field is required." in problem(response, 400, "invalid-fields")["detail"]


def test_each_request_has_a_unique_id(live):
    ids = {live.get("/customers")["Request-Id"] for _ in range(3)}

    assert len(ids) == 3
    assert all(re.fullmatch("req_[0-9a-f]{24}", id_) for id_ in ids)


def test_every_type_is_a_page(client):
    for name, kind in PROBLEM_TYPES.items():
        page = client.get(f"/problems/{name}")
        assert page.status_code == 200
        assert kind.title in page.content.decode()
    assert client.get("/problems/nothing").status_code == 404


def test_every_type_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "problems.md").read_text()
    documented = re.findall(r"^## `([a-z-]+)` \((\d{3})\)$", page, re.MULTILINE)

    assert documented == [(name, str(kind.status)) for name, kind in PROBLEM_TYPES.items()]


def test_the_body_is_json_for_any_accept_header(live):
    response = live.client.get("/api/v1/customers", headers={"Accept": "text/html"} | live._headers())

    assert response["Content-Type"] == "application/json"
    assert json.loads(response.content) == {"data": [], "next_cursor": None}
