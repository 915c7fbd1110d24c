"""What cannot be corrected is refused in words, one by one, and a repeat answers as the first one did."""

import pytest

from billing.metering.corrections import NothingCorrected
from billing.models import Correction, Event
from tests.billing.metering.corrections.world import correct_all, replace, void, wanted
from tests.billing.metering.ingest.world import call, counted, make_world, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture(autouse=True)
def world():
    make_world()
    send(call("a"), call("b"))


def told(*asked, **options):
    return [
        (one.status, one.field, one.detail.split(";")[0].split(" (")[0]) for one in correct_all(*asked, **options)
    ]


def test_an_unknown_event_is_rejected_and_the_others_are_corrected():
    assert told(wanted("nobody"), wanted("a")) == [
        ("rejected", "id", "no event with the id “nobody” is stored in this world"),
        ("accepted", "", ""),
    ]
    assert counted() == {"calls/call/03": (1, 1)}


def test_an_event_of_another_source_is_another_event():
    assert told(wanted("a", source="edge"))[0][0] == "rejected"


def test_an_event_of_the_other_world_is_unknown():
    assert told(wanted("a", sandbox=True), sandbox=True)[0][0] == "rejected"
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
        lambda: wanted("a", reason="another reason"),
        lambda: wanted("a", call("c")),
        lambda: wanted("a", call("c", properties={"x": 1})),
    ],
    ids=["reason", "kind", "replacement"],
)
def test_an_event_is_corrected_once(other):
    void("a")
    found = told(other())
    assert found == [("conflict", "id", "the event “a” has been corrected before, otherwise")]


def test_a_replacement_that_says_something_else_than_before_is_a_conflict():
    replace("a", call("c"))
    assert told(wanted("a", call("c", properties={"x": 1})))[0][0] == "conflict"


@pytest.mark.parametrize("taken", ["a", "b"], ids=["its own id", "another event's id"])
def test_a_replacement_needs_an_id_of_its_own(taken):
    assert told(wanted("a", call(taken))) == [
        ("conflict", "replacement.id", f"the id “{taken}” is taken by another event")
    ]


def test_two_replacements_of_one_request_need_ids_of_their_own():
    assert [one[0] for one in told(wanted("a", call("c")), wanted("b", call("c")))] == ["accepted", "conflict"]


def test_a_replacement_is_corrected_like_any_event():
    replace("a", call("c"))
    assert void("a") == ["conflict"]
    assert void("c") == ["accepted"]
    assert counted() == {"calls/call/03": (1, 1)}


def test_all_or_nothing():
    with pytest.raises(NothingCorrected) as error:
        correct_all(wanted("a"), wanted("nobody"), atomic=True)
    assert [outcome.status for outcome in error.value.outcomes] == ["accepted", "rejected"]
    assert counted() == {"calls/call/03": (2, 2)}
    assert Correction.objects.count() == 0
