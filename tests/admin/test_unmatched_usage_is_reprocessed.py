"""Operations reprocess unmatched usage: selected reports in the request, all reports in a worker."""

import pytest
from django.urls import reverse
from kombu.exceptions import OperationalError

from billing import tasks
from billing.models import Counter, UnmatchedUsage
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, send
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

LIST = "/admin/billing/unmatchedusage/"


@pytest.fixture
def reports() -> list[UnmatchedUsage]:
    """Store two calls sent before their customer existed, and one whose customer never existed."""
    send(call("a"), call("b"), call("c", customer="nobody"))
    make_metered_subscription("acme")
    return list(UnmatchedUsage.objects.order_by("pk"))


def test_selected_reports_are_billed_after_confirming_the_price(member, reports):
    client, chosen = member("operations"), [reports[0].pk, reports[2].pk]
    typed = {"action": "try_again", "_selected_action": chosen}
    page = client.post(LIST, typed).content.decode()
    assert "1 of 2 events would match; 1 would remain." in page
    assert "acme, calls: 1 call, +$0.01 in the current period." in page
    assert not Counter.objects.exists()

    page = client.post(LIST, typed | {"_agreed": "1"}, follow=True).content.decode()
    assert "1 of 2 events matched; 1 remain." in page
    assert Counter.objects.get().quantity == 1


def test_reports_that_can_not_be_billed_have_no_button(member, reports):
    page = member("operations").post(LIST, {"action": "try_again", "_selected_action": [reports[2].pk]})
    assert "None of it can be billed" in page.content.decode()
    assert ">Reprocess<" not in page.content.decode()


def test_the_estimate_is_shown_on_the_list_and_with_the_systems_health(member, db):
    fields = {"event_name": "llm", "aggregation": "sum", "value_property": "n", "unit": "token"}
    feature = make_feature("tokens", meter=make_meter("tokens", dimensions=["model"], **fields))
    offers = [offer(feature, rates=[rate("0.02", match={"model": "gpt"})])]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    event = {"id": "a", "customer": "acme", "event": "llm", "properties": {"model": "llama", "n": 1234}}
    send(event, call("b", customer="nobody"))
    page = member("support").get(LIST).content.decode()
    for part in ("About $24.68 where a price is known.", "1,234 tokens", "up to $24.68</td>", "unknown</td>"):
        assert part in page, part
    details = member("finance").get(reverse("admin:dashboard_details")).content.decode()
    assert "Stored, not billed; worth about $24.68" in details


def test_all_reports_are_reprocessed_by_a_worker(member, reports, monkeypatch):
    task_calls = []
    monkeypatch.setattr(tasks.reprocess_usage, "delay", lambda: task_calls.append("replay"))
    page = member("operations").get(f"{LIST}try_all_again", follow=True).content.decode()
    assert task_calls == ["replay"]
    assert "A worker is reprocessing all unmatched usage" in page


def test_without_a_broker_the_page_names_the_command(member, reports, monkeypatch):
    def refuse() -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.reprocess_usage, "delay", refuse)
    page = member("operations").get(f"{LIST}try_all_again", follow=True).content.decode()
    assert "Run manage.py reprocess_usage instead" in page


def test_the_task_reprocesses_all_reports(reports):
    assert tasks.reprocess_usage() == {"tried": 3, "resolved": 2, "left": 1}


def test_support_is_read_only(member, reports):
    client = member("support")
    assert "Reprocess all" not in client.get(LIST).content.decode()
    typed = {"action": "try_again", "_selected_action": [reports[0].pk]}
    client.post(LIST, typed)
    assert not Counter.objects.exists()
