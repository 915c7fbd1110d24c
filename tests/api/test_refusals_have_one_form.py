"""Every refusal is problem+json with a stable type, whoever refuses: a view, Django or PostgreSQL."""

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
    """A view that fails as its address says."""

    required_scopes = {"GET": "read"}
    failures = {
        "bug": ZeroDivisionError("secret detail of the inside"),
        "gone": OperationalError("server closed the connection: host=10.0.0.1"),
        "closed": InterfaceError("connection already closed"),
        "torn": psycopg.OperationalError("consuming input failed: host=10.0.0.1"),
        "big": DataError("numeric field overflow"),
        "own": Problem("conflict", "It is so already.", retry_after=1.2),
    }

    def get(self, request, what):
        raise self.failures[what]


class Undeclared(APIView):
    """A view whose author forgot the scopes."""

    def get(self, request):
        return Response("open to all")


class Urls:
    urlpatterns = [
        path("api/v1/fail/<str:what>", Failing.as_view()),
        path("api/v1/undeclared", Undeclared.as_view()),
        *urls.urlpatterns,
    ]


@pytest.fixture
def failing(live):
    live.client = Client(raise_request_exception=False)
    with override_settings(ROOT_URLCONF=Urls):
        yield live


def test_an_error_that_nobody_foresaw_tells_nothing(failing, caplog):
    response = failing.get("/fail/bug")

    problem(response, 500, "internal-error")
    assert b"secret" not in response.content
    assert "ZeroDivisionError" in caplog.text, "but the log has it"


@override_settings(DEBUG=True)
def test_an_error_tells_nothing_in_debug_mode_either(failing):
    assert b"secret" not in failing.get("/fail/bug").content


@pytest.mark.parametrize("what", ["gone", "closed", "torn"])
def test_a_database_that_does_not_answer_is_a_503_that_says_when_to_come_back(failing, what):
    response = failing.get(f"/fail/{what}")

    problem(response, 503, "database-unavailable")
    assert int(response["Retry-After"]) > 0
    assert b"10.0.0.1" not in response.content


def test_a_value_that_cannot_be_stored_is_the_callers_fault(failing):
    problem(failing.get("/fail/big"), 400, "invalid-fields")


def test_a_problem_of_our_own_keeps_its_words_and_headers(failing):
    response = failing.get("/fail/own")

    assert problem(response, 409, "conflict")["detail"] == "It is so already."
    assert response["Retry-After"] == "2"


def test_a_view_that_declares_no_scope_lets_nobody_in(failing, caplog):
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


def test_several_fields_are_told_at_once_with_their_paths(live):
    body = {"feature": "x" * 65, "currency": "usd", "quantities": [{"quantity": "1"}, {"quantity": "many"}]}

    assert faults(live.post("/plans/pro/preview", body)) == {
        "feature": "max_length",
        "currency": "invalid",
        "quantities.1.quantity": "number",
    }


def test_a_row_that_breaks_a_constraint_is_told_in_the_constraints_own_words(live, seller):
    make_customer("acme", seller=seller)
    body = {"id": "acme", "legal_name": "Acme", "country": "DE"}

    told = problem(live.post("/customers", body), 409, "conflict")

    assert told["detail"] == "External id names one customer."
    assert told["errors"] == [{"field": "external_id", "code": "taken", "detail": "External id names one customer."}]


def test_the_language_is_one_whatever_the_client_speaks(live):
    headers = {"Accept-Language": "de"} | live._headers()

    told = live.client.post("/api/v1/customers", {}, content_type="application/json", headers=headers)

    assert "legal_name: This field is required." in problem(told, 400, "invalid-fields")["detail"]


def test_each_request_has_an_id_of_its_own(live):
    ids = {live.get("/customers")["Request-Id"] for _ in range(3)}

    assert len(ids) == 3
    assert all(re.fullmatch("req_[0-9a-f]{24}", one) for one in ids)


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


def test_the_body_is_json_whatever_the_client_accepts(live):
    response = live.client.get("/api/v1/customers", headers={"Accept": "text/html"} | live._headers())

    assert response["Content-Type"] == "application/json"
    assert json.loads(response.content) == {"data": [], "next_cursor": None}
