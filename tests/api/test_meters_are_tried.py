"""A meter tried on an event over HTTP: the exact quantity, or the reason why it does not count; nothing is stored."""

import pytest

from billing.models import Event
from tests.api.calls import Caller, problem
from tests.builders import make_meter

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller():
    fields = {"event_name": "llm", "aggregation": "sum", "expression": "tokens / 3", "dimensions": ["model"]}
    make_meter("work", filters={"status": ["ok"]}, **fields)
    return Caller(scopes=["read"])


def test_the_result_shows_the_exact_quantity(caller):
    answer = caller.post("/meters/work/try", {"properties": {"status": "ok", "tokens": 1, "model": "gpt"}})
    assert answer.json() == {
        "counted": True,
        "steps": [
            {"step": "Event", "holds": True, "detail": "“llm”"},
            {"step": "Filter", "holds": True, "detail": "status is “ok”"},
        ],
        "values": [{"value": "0.333333333333", "dimension_value": None}],
        "dimensions": {"model": "gpt"},
    }


def test_an_uncounted_event_has_the_reason(caller):
    answer = caller.post("/meters/work/try", {"status": "failed"}).json()
    assert (answer["counted"], answer["values"]) == (False, [])
    assert [step["detail"] for step in answer["steps"] if not step["holds"]] == [
        "status is “failed”, and not “ok”",
        "“tokens” is missing: reported as unmatched usage",
    ]
    assert not Event.objects.exists()


def test_an_invalid_event_is_rejected(caller):
    error = problem(caller.post("/meters/work/try", b"[1"), 400, "invalid-fields")
    assert error["errors"][0]["field"] == "event"
    problem(caller.post("/meters/work/try", b'{"timestamp": 5}'), 400, "invalid-fields")


def test_an_unknown_meter_is_not_found(caller):
    problem(caller.post("/meters/none/try", {}), 404, "not-found")
