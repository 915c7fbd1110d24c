"""A void resolves unmatched usage of its event, and a voided event is never reprocessed."""

import pytest

from billing.metering.ingest.reprocess import reprocess
from billing.models import UnmatchedUsage
from tests.billing.metering.corrections.correction_setup import replace, void
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, request, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def open_reports():
    return UnmatchedUsage.objects.filter(resolved_at__isnull=True).count()


def test_a_void_resolves_unmatched_usage_permanently():
    send(call("a"), call("b"))
    assert void("a") == ["accepted"]
    assert open_reports() == 1
    make_metered_subscription()
    assert reprocess(at=NOW).resolved == 1
    assert counted() == {"calls/call/03": (1, 1)}


def test_reprocessed_usage_can_be_voided():
    send(call("a"))
    make_metered_subscription()
    reprocess(at=NOW)
    assert void("a") == ["accepted"]
    assert counted() == {"calls/call/03": (0, 0)}


def test_an_invalid_value_is_replaced_by_a_valid_one():
    make_metered_subscription()
    send(request("r", "many", 5))
    assert replace("r", request("r2", 10, 5)) == "accepted"
    assert open_reports() == 0
    assert counted() == {"tokens/gpt/03": (1, 10), "tokens/gpt output/03": (1, 5)}


def test_an_unmatched_replacement_is_reported():
    make_metered_subscription()
    send(call("a"))
    replace("a", call("b", customer="nobody"))
    assert list(UnmatchedUsage.objects.values_list("reason", flat=True)) == ["unknown_customer"]
    assert counted() == {"calls/call/03": (0, 0)}
