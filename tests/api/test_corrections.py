"""Usage is corrected over HTTP: item by item, or all or nothing, and usage follows before the answer."""

import json

import pytest

from billing.models import Correction
from customers.models import ApiKey
from tests.api.calls import Caller, faults, problem
from tests.billing.metering.ingest.world import call, counted, make_world, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

WHEN = "2026-03-05T00:00:00Z"


@pytest.fixture(autouse=True)
def usage():
    make_world()
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


def test_each_correction_has_its_answer(caller):
    answer = caller.post("/events/corrections", [void("a"), void("nobody"), replaced("b"), {"id": "x"}])
    told = json.loads(answer.content)
    assert answer.status_code == 207
    assert [(result["id"], result["status"], result.get("field")) for result in told["results"]] == [
        ("a", "accepted", None),
        ("nobody", "rejected", "id"),
        ("b", "accepted", None),
        ("", "rejected", "kind"),
    ]
    assert (told["accepted"], told["rejected"]) == (2, 2)
    assert counted() == {"calls/call/03": (1, 1)}


def test_it_says_who(caller):
    caller.post("/events/corrections", void("a"))
    correction = Correction.objects.get()
    assert (correction.api_key, correction.by, correction.reason) == (ApiKey.objects.get(), None, "sent twice")


def test_a_repeat_answers_as_the_first(caller):
    assert caller.post("/events/corrections", [void("a"), replaced("b")]).status_code == 200
    again = caller.post("/events/corrections", [void("a"), replaced("b")])
    assert again.status_code == 200
    assert json.loads(again.content)["duplicate"] == 2


def test_all_or_nothing(caller):
    told = problem(caller.post("/events/corrections?atomic=true", [void("a"), void("nobody")]), 422, "unprocessable")
    assert "“nobody”: no event with the id" in told["detail"]
    assert counted() == {"calls/call/03": (2, 2)}


def test_a_single_one_that_cannot_be_made_is_a_problem(caller):
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
def test_what_is_wrong_with_a_field_is_told(caller, body, field):
    assert list(faults(caller.post("/events/corrections", body))) == [field]


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b'[{"id": "\\ud800"}]', b"[" * 10_000])
def test_a_body_that_holds_no_correction_is_refused(caller, body):
    assert caller.send("POST", "/events/corrections", body).status_code in (400, 207)


def test_a_sandbox_key_corrects_nothing_live():
    caller = Caller(scopes=["manage"], sandbox=True)
    problem(caller.post("/events/corrections", void("a")), 422, "unprocessable")
    assert counted() == {"calls/call/03": (2, 2)}
