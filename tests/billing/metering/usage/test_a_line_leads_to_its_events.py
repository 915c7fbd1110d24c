"""An invoice line leads over HTTP to its tiers, its rates and its exact events, which add up to the line."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.metering.usage.line_events import check_sums, read_line_events, read_line_usage
from billing.models import BilledUsage
from billing.privacy.event_removal import LEAST_DAYS_OF_EVENTS, remove_old_events
from invoices.models import Line
from tests.api.calls import Caller, problem
from tests.billing.metering.corrections.correction_setup import make_fully_metered_subscription, replace, sample, void
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, request, send
from tests.builders import FEB, MAR, make_customer
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

SOON = timedelta(hours=1)
IN_JANUARY = {"timestamp": "2026-01-10T00:00:00Z"}


@pytest.fixture
def caller():
    return Caller(scopes=["read"])


def get(caller, address, **query):
    answer = caller.get(address.removeprefix("/api/v1"), **query)
    assert answer.status_code == 200
    return json.loads(answer.content)


def rows(caller, link):
    answer = caller.get(link.removeprefix("/api/v1") + ".csv")
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def lines(caller, kind="usage"):
    """Return the lines of a kind of all invoices, as the API returns them."""
    invoices = [get(caller, f"/invoices/{entry['id']}") for entry in get(caller, "/invoices")["data"]]
    return [line for invoice in invoices for line in invoice["lines"] if line["kind"] == kind]


def test_a_line_can_be_followed_to_its_tiers_its_rates_and_its_exact_events(caller):
    make_metered_subscription()
    send(*(request(f"r{n}", 700 + n, "12.5", model="gpt") | IN_JANUARY for n in range(5)), at=FEB)
    send(*(call(f"c{n}", **IN_JANUARY) for n in range(3)), call("feb", timestamp="2026-02-10T00:00:00Z"), at=FEB)
    close_due(at=FEB + SOON)
    usage_lines = lines(caller)
    assert len(usage_lines) == 3
    for line in usage_lines:
        parts = line["explanation"]["parts"]
        assert sum(Decimal(part["amount"]) for part in parts) == Decimal(line["explanation"]["amount"])
        listed = get(caller, line["events_link"])
        exported = rows(caller, line["events_link"])
        assert sum(Decimal(row["quantity"]) for row in exported) == Decimal(line["quantity"])
        assert [row["id"] for row in exported] == [entry["id"] for entry in listed["data"]]
        assert listed["events"] == len(exported)
        assert listed["line_quantity"] == line["quantity"] == listed["quantity"]
        stored = Line.objects.get(invoice=listed["invoice"], position=listed["position"])
        assert check_sums(read_line_usage(stored.pk)).fingerprint == stored.usage.fingerprint


def test_a_late_line_lists_its_new_and_voided_events(caller):
    make_metered_subscription()
    send(*(call(f"c{n}", **IN_JANUARY) for n in range(3)), at=FEB)
    close_due(at=FEB + SOON)
    send(*(call(f"l{n}", **IN_JANUARY) for n in range(4)), at=FEB + SOON)
    void("c0", "l0", at=FEB + 2 * SOON)
    replace("c1", call("new", **IN_JANUARY), at=FEB + 2 * SOON)
    close_due(at=MAR + SOON)
    void("c2", at=MAR + 2 * SOON)  # after both lines
    (line,) = lines(caller, "late_usage")
    exported = rows(caller, line["events_link"])
    assert [(row["id"], row["change"], row["quantity"]) for row in exported] == [
        ("c0", "taken back", "-1"),
        ("c1", "taken back", "-1"),
        ("l1", "counted", "1"),
        ("l2", "counted", "1"),
        ("l3", "counted", "1"),
        ("new", "counted", "1"),
    ]
    assert sum(Decimal(row["quantity"]) for row in exported) == Decimal(line["quantity"]) == 2
    (first,) = lines(caller)
    assert [row["id"] for row in rows(caller, first["events_link"])] == ["c0", "c1", "c2"]
    assert all(check_sums(read_line_usage(billed_usage.line_id)).agrees for billed_usage in BilledUsage.objects.all())


def test_every_line_of_every_aggregation_is_proved_by_its_events():
    make_fully_metered_subscription()
    moments = ["2026-01-05T00:00:00Z", "2026-01-05T12:00:00Z", "2026-01-20T00:00:00Z", "2026-02-03T00:00:00Z"]
    send(*(sample(f"e{n}", at, 3 + n, user=f"u{n}") for n, at in enumerate(moments)), at=FEB + timedelta(days=5))
    close_due(at=MAR + SOON)
    send(sample("late", "2026-01-07T00:00:00Z", 9), at=MAR + SOON)
    void("e1", at=MAR + SOON)
    close_due(at=MAR + timedelta(days=40))
    billed = [billed_usage.line_id for billed_usage in BilledUsage.objects.all()]
    assert len(billed) > 20
    assert [line_id for line_id in billed if not check_sums(read_line_usage(line_id)).agrees] == []


def test_a_greatest_value_equals_that_of_its_events():
    make_fully_metered_subscription()
    send(*(sample(f"e{n}", "2026-01-05T00:00:00Z", value) for n, value in enumerate([4, 10, 1])), at=FEB)
    close_due(at=FEB + SOON)
    usage = next(
        line_usage
        for line in Line.objects.all()
        if (line_usage := read_line_usage(line.pk)) and line_usage.aggregation == "max"
    )
    line = Line.objects.get(pk=usage.line_id)
    assert max(read_line_event.value for read_line_event in read_line_events(usage)) == line.quantity == 10
    assert not usage.is_sum


def test_pages_list_each_event_once(caller):
    make_metered_subscription()
    send(*(call(f"c{n}", **IN_JANUARY) for n in range(5)), at=FEB)
    close_due(at=FEB + SOON)
    (line,) = lines(caller)
    event_ids, cursor = [], None
    while True:
        page = get(caller, line["events_link"], limit=2, **({"cursor": cursor} if cursor else {}))
        event_ids += [entry["id"] for entry in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert event_ids == ["c0", "c1", "c2", "c3", "c4"]


def test_a_csv_cell_is_never_a_formula(caller):
    make_metered_subscription()
    send(call("=1+1", **IN_JANUARY), at=FEB)
    close_due(at=FEB + SOON)
    (line,) = lines(caller)
    assert rows(caller, line["events_link"])[0]["id"] == "'=1+1"


@pytest.mark.parametrize("cursor", ["x", "e30", "WzEsMiwzXQ", "WyIyMDI2LTAxLTAxIiwiIiwiYSJd"])
def test_an_invalid_cursor_is_rejected(caller, cursor):
    make_metered_subscription()
    send(call("c", **IN_JANUARY), at=FEB)
    close_due(at=FEB + SOON)
    (line,) = lines(caller)
    problem(caller.get(line["events_link"].removeprefix("/api/v1"), cursor=cursor), 400, "invalid-fields")


def test_live_lines_are_not_found_by_sandbox_keys(caller):
    make_metered_subscription()
    send(call("c", **IN_JANUARY), at=FEB)
    close_due(at=FEB + SOON)
    (line,) = lines(caller)
    other = Caller(scopes=["read"], sandbox=True)
    problem(other.get(line["events_link"].removeprefix("/api/v1")), 404, "not-found")
    problem(caller.get("/invoices/1/lines/99/events"), 404, "not-found")


def test_a_page_takes_the_same_queries_whatever_its_size(caller, django_assert_max_num_queries):
    make_customer("other")
    make_metered_subscription()
    send(*(call(f"c{n}", **IN_JANUARY) for n in range(60)), at=FEB)
    close_due(at=FEB + SOON)
    (line,) = lines(caller)
    with django_assert_max_num_queries(12):
        assert len(get(caller, line["events_link"], limit=50)["data"]) == 50


def test_a_line_whose_events_have_left_says_so(caller, settings):
    settings.EVENT_RETENTION_DAYS = LEAST_DAYS_OF_EVENTS
    make_metered_subscription()
    send(call("c0", **IN_JANUARY), at=FEB)
    close_due(at=FEB + SOON)
    (line,) = lines(caller)
    assert get(caller, line["events_link"])["removed_until"] is None

    remove_old_events(at=MAR + timedelta(days=LEAST_DAYS_OF_EVENTS))

    page = get(caller, line["events_link"])
    assert (page["data"], page["events"], page["quantity"]) == ([], 1, "1")
    assert page["removed_until"] == "2026-02-01T00:00:00Z"
    answer = caller.get(line["events_link"].removeprefix("/api/v1") + ".csv")
    assert "were deleted on" in problem(answer, 404, "not-found")["detail"]
