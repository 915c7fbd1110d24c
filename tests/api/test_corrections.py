"""Usage is corrected over HTTP, item by item or atomically; counters are updated before the response."""

import json

import pytest

from billing.models import Correction
from customers.models import ApiKey
from tests.api.calls import Caller, faults, problem
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

WHEN = "2026-03-05T00:00:00Z"


@pytest.fixture(autouse=True)
def usage():
    make_metered_subscription()
    send(call("a"), call("b"))


@pytest.fixture
def caller():
    return Caller(scopes=["manage"])


def void(id_, **fields):
    return {"id": id_, "kind": "void", "reason": "sent twice", **fields}


def replaced(id_, **fields):
    return {
        "id": id_,
        "kind": "replace",
        "reason": "sent wrongly",
        "replacement": call("c", timestamp=WHEN),
        **fields,
    }


def test_each_correction_has_its_result(caller):
    answer = caller.post("/events/corrections", [void("a"), void("nobody"), replaced("b"), {"id": "x"}])
    payload = json.loads(answer.content)
    assert answer.status_code == 207
    assert [(result["id"], result["status"], result.get("field")) for result in payload["results"]] == [
        ("a", "accepted", None),
        ("nobody", "rejected", "id"),
        ("b", "accepted", None),
        ("", "rejected", "kind"),
    ]
    assert (payload["accepted"], payload["rejected"]) == (2, 2)
    assert counted() == {"calls/call/03": (1, 1)}


def test_a_correction_records_the_key(caller):
    caller.post("/events/corrections", void("a"))
    correction = Correction.objects.get()
    assert (correction.api_key, correction.by, correction.reason) == (ApiKey.objects.get(), None, "sent twice")


def test_a_repeated_correction_is_a_duplicate(caller):
    assert caller.post("/events/corrections", [void("a"), replaced("b")]).status_code == 200
    repeated = caller.post("/events/corrections", [void("a"), replaced("b")])
    assert repeated.status_code == 200
    assert json.loads(repeated.content)["duplicate"] == 2


def test_all_or_nothing(caller):
    error = problem(caller.post("/events/corrections?atomic=true", [void("a"), void("nobody")]), 422, "unprocessable")
    assert "“nobody”: no event with the ID" in error["detail"]
    assert counted() == {"calls/call/03": (2, 2)}


def test_a_flag_is_true_or_false(caller):
    error = problem(caller.post("/events/corrections?atomic=0.5", [void("a")]), 400, "invalid-fields")
    assert "“0.5” is neither true nor false" in error["detail"]
    assert counted() == {"calls/call/03": (2, 2)}


def test_a_single_failed_correction_is_a_problem_response(caller):
    problem(caller.post("/events/corrections", void("nobody")), 422, "unprocessable")
    caller.post("/events/corrections", void("a"))
    problem(caller.post("/events/corrections", void("a", reason="other")), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (void("a", reason=""), "reason"),
        (void("a", reason="  "), "reason"),
        (void("a", kind="undo"), "kind"),
        (void("a", color="red"), "color"),
        (void("a", reason="\0"), "correction"),
        (void("a", replacement=call("c", timestamp=WHEN)), "replacement"),
        ({"id": "a", "kind": "replace", "reason": "x"}, "replacement"),
        (replaced("a", replacement=call("c")), "replacement.timestamp"),
        (replaced("a", replacement=call("c", timestamp="1999-01-01T00:00:00Z")), "replacement.timestamp"),
        (replaced("a", replacement={"id": "c"}), "replacement.customer"),
        (replaced("a", replacement=None), "replacement.event"),
    ],
)
def test_an_invalid_field_is_reported(caller, body, field):
    assert list(faults(caller.post("/events/corrections", body))) == [field]


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b'[{"id": "\\ud800"}]', b"[" * 10_000])
def test_a_body_without_a_correction_is_rejected(caller, body):
    assert caller.send("POST", "/events/corrections", body).status_code in (400, 207)


def test_a_sandbox_key_corrects_nothing_live():
    caller = Caller(scopes=["manage"], sandbox=True)
    problem(caller.post("/events/corrections", void("a")), 422, "unprocessable")
    assert counted() == {"calls/call/03": (2, 2)}
