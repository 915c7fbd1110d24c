"""Invalid corrections are rejected one by one with a message, and a repeat returns the first outcome."""

import pytest

from billing.metering.corrections import NothingCorrected
from billing.models import Correction, Event
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request, replace, void
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture(autouse=True)
def stored_calls():
    make_metered_subscription()
    send(call("a"), call("b"))


def short_outcomes(*requests, **options):
    return [
        (outcome.status, outcome.field, outcome.detail.split(";")[0].split(" (")[0])
        for outcome in correct_all(*requests, **options)
    ]


def test_an_unknown_event_is_rejected_and_the_others_are_corrected():
    assert short_outcomes(correction_request("nobody"), correction_request("a")) == [
        ("rejected", "id", "no event with the ID “nobody” is stored"),
        ("accepted", "", ""),
    ]
    assert counted() == {"calls/call/03": (1, 1)}


def test_an_event_of_another_source_is_another_event():
    assert short_outcomes(correction_request("a", source="edge"))[0][0] == "rejected"


def test_a_live_event_is_unknown_in_the_sandbox():
    assert short_outcomes(correction_request("a", sandbox=True), sandbox=True)[0][0] == "rejected"
    assert counted() == {"calls/call/03": (2, 2)}


def test_a_repeat_is_a_duplicate_and_changes_nothing():
    assert void("a") == ["accepted"]
    assert void("a") == ["duplicate"]
    assert void("b", "b") == ["accepted", "duplicate"]
    assert Correction.objects.count() == 2


def test_a_repeated_replacement_is_a_duplicate():
    assert [replace("a", call("c")), replace("a", call("c"))] == ["accepted", "duplicate"]
    assert Event.objects.count() == 3
    assert counted() == {"calls/call/03": (2, 2)}


@pytest.mark.parametrize(
    "other",
    [
        lambda: correction_request("a", reason="another reason"),
        lambda: correction_request("a", call("c")),
        lambda: correction_request("a", call("c", properties={"x": 1})),
    ],
    ids=["reason", "kind", "replacement"],
)
def test_an_event_is_corrected_once(other):
    void("a")
    outcomes = short_outcomes(other())
    assert outcomes == [("conflict", "id", "the event “a” was already corrected differently")]


def test_a_repeated_correction_with_another_replacement_is_a_conflict():
    replace("a", call("c"))
    assert short_outcomes(correction_request("a", call("c", properties={"x": 1})))[0][0] == "conflict"


@pytest.mark.parametrize("taken", ["a", "b"], ids=["its own id", "another event's id"])
def test_a_replacement_needs_a_new_id(taken):
    assert short_outcomes(correction_request("a", call(taken))) == [
        ("conflict", "replacement.id", f"the ID “{taken}” belongs to another event")
    ]


def test_two_replacements_of_one_request_need_different_ids():
    assert [
        outcome[0]
        for outcome in short_outcomes(correction_request("a", call("c")), correction_request("b", call("c")))
    ] == ["accepted", "conflict"]


def test_a_replacement_is_corrected_like_any_event():
    replace("a", call("c"))
    assert void("a") == ["conflict"]
    assert void("c") == ["accepted"]
    assert counted() == {"calls/call/03": (1, 1)}


def test_all_or_nothing():
    with pytest.raises(NothingCorrected) as error:
        correct_all(correction_request("a"), correction_request("nobody"), atomic=True)
    assert [outcome.status for outcome in error.value.outcomes] == ["accepted", "rejected"]
    assert counted() == {"calls/call/03": (2, 2)}
    assert Correction.objects.count() == 0
