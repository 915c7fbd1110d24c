"""Features over HTTP."""

from tests.api.calls import problem
from tests.builders import make_feature, make_meter


def test_features_are_listed_and_read(live):
    make_feature("api.calls", meter=make_meter("calls", unit="call"))
    make_feature("support", kind="boolean")
    rows = live.get("/features").json()["data"]

    assert rows == [
        {"code": "support", "name": rows[0]["name"], "kind": "boolean", "meter": None, "unit": None}
        | {"when_unreachable": "open"},
        {"code": "api.calls", "name": rows[1]["name"], "kind": "metered", "meter": "calls", "unit": "call"}
        | {"when_unreachable": "open"},
    ]
    assert live.get("/features/support").json() == rows[0]
    problem(live.get("/features/nothing"), 404, "not-found")
