"""Answers are read by their declared types: decimals exactly, times with their zone, lists page by page."""

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
    # type             said                                       read
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


@pytest.mark.parametrize(("kind", "said", "wanted"), CASES)
def test_a_value_is_read_as_what_it_is_declared_to_be(kind, said, wanted):
    found = read(kind, said)

    assert found == wanted
    assert str(found) == str(wanted), "digits and zones, too"


@pytest.mark.parametrize(("kind", "said"), [(Decimal, 0.1), (Money, "1 EUR"), (str, 1), (tuple[str, ...], {})])
def test_another_type_is_an_error_and_no_guess(kind, said):
    with pytest.raises(TypeError):
        read(kind, said)


WRITTEN = [
    (D("1E+2"), b'"100"'),
    (NOON, b'"2026-05-04T12:00:00+00:00"'),
    (Money(D("1.10"), "EUR"), b'{"amount":"1.10","currency":"EUR"}'),
    ({"b", "a"}, b'["a","b"]'),
]


@pytest.mark.parametrize(("value", "said"), WRITTEN)
def test_a_value_is_written_exactly(value, said):
    assert serialization.to_json(value) == said


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        serialization.to_json(datetime(2026, 5, 4))  # noqa: DTZ001


def test_a_list_reads_its_next_page_when_it_is_come_to():
    def page(*names, cursor):
        return answer({"data": [CUSTOMER | {"id": name} for name in names], "next_cursor": cursor})

    server = Server(page("a", "b", cursor="x"), page("c", cursor=None))
    rows = iter(server.client().customers.list())

    assert [next(rows).id, next(rows).id] == ["a", "b"]
    assert len(server.asked) == 1
    assert [row.id for row in rows] == ["c"]
    assert [one.url.params.get("cursor") for one in server.asked] == [None, "x"]
    assert server.client().customers.list().first().id == "c"
