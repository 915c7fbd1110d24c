"""Answers are parsed by their declared types: exact decimals, times with their zone, lists page by page."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tollbook_client import Money, serialization
from tollbook_client.deserialization import read

from tests.client.fake_server import Server, answer
from tests.client.test_requests_are_repeated import CUSTOMER

D = Decimal
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    at: datetime
    money: Money | None
    from_: Decimal
    names: tuple[str, ...] = ()
    more: Any = None


CASES = [
    # type             json                                       parsed
    (Decimal, "0.10", D("0.10")),
    (Decimal, 7, D(7)),
    (Decimal | None, None, None),
    (datetime, "2026-05-04T12:00:00Z", NOON),
    (datetime, "2026-05-04T14:00:00+02:00", NOON),
    (date, "2026-05-04", date(2026, 5, 4)),
    (Money, {"amount": "1.10", "currency": "EUR"}, Money(D("1.10"), "EUR")),
    (tuple[Money, ...], [{"amount": "1", "currency": "EUR"}], (Money(D(1), "EUR"),)),
    (dict[str, Decimal], {"a": "1"}, {"a": D(1)}),
    (Row, {"at": "2026-05-04T12:00:00Z", "money": None, "from": "1", "new": 1}, Row(NOON, None, D(1))),
    (Row, {"at": "2026-05-04T12:00:00Z", "from": "1"}, Row(NOON, None, D(1))),
]


@pytest.mark.parametrize(("kind", "json_value", "expected"), CASES)
def test_a_value_is_parsed_by_its_declared_type(kind, json_value, expected):
    parsed = read(kind, json_value)

    assert parsed == expected
    assert str(parsed) == str(expected), "digits and zones, too"


@pytest.mark.parametrize(("kind", "json_value"), [(Decimal, 0.1), (Money, "1 EUR"), (str, 1), (tuple[str, ...], {})])
def test_a_value_of_another_type_raises(kind, json_value):
    with pytest.raises(TypeError):
        read(kind, json_value)


WRITTEN = [
    (D("1E+2"), b'"100"'),
    (NOON, b'"2026-05-04T12:00:00+00:00"'),
    (Money(D("1.10"), "EUR"), b'{"amount":"1.10","currency":"EUR"}'),
    ({"b", "a"}, b'["a","b"]'),
]


@pytest.mark.parametrize(("value", "json_value"), WRITTEN)
def test_a_value_is_written_exactly(value, json_value):
    assert serialization.to_json(value) == json_value


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        serialization.to_json(datetime(2026, 5, 4))  # noqa: DTZ001


def test_a_list_fetches_its_next_page_when_needed():
    def page(*names, cursor):
        return answer({"data": [CUSTOMER | {"id": name} for name in names], "next_cursor": cursor})

    server = Server(page("a", "b", cursor="x"), page("c", cursor=None))
    rows = iter(server.client().customers.list())

    assert [next(rows).id, next(rows).id] == ["a", "b"]
    assert len(server.requests) == 1
    assert [row.id for row in rows] == ["c"]
    assert [request.url.params.get("cursor") for request in server.requests] == [None, "x"]
    assert server.client().customers.list().first().id == "c"
