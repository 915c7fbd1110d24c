"""Operations have unmatched usage tried again: what is selected at once, all of it by a worker."""

import pytest
from kombu.exceptions import OperationalError

from billing import tasks
from billing.models import Counter, UnmatchedUsage
from tests.billing.metering.ingest.world import call, make_world, send
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

LIST = "/admin/billing/unmatchedusage/"


@pytest.fixture
def reports() -> list[UnmatchedUsage]:
    """Leave two calls that came before their customer, and one whose customer never came."""
    send(call("a"), call("b"), call("c", customer="nobody"))
    make_world("acme")
    return list(UnmatchedUsage.objects.order_by("pk"))


def test_what_is_selected_is_billed_once_its_price_is_agreed_to(member, reports):
    client, chosen = member("operations"), [reports[0].pk, reports[2].pk]
    typed = {"action": "try_again", "_selected_action": chosen}
    page = client.post(LIST, typed).content.decode()
    assert "1 of 2 reports would be billed; 1 are left as they are." in page
    assert "acme, calls: 1 call, $0.01 more, with the period that is running." in page
    assert not Counter.objects.exists()

    page = client.post(LIST, typed | {"_agreed": "1"}, follow=True).content.decode()
    assert "1 of 2 are billed now; 1 are left." in page
    assert Counter.objects.get().quantity == 1


def test_what_cannot_be_billed_has_no_button(member, reports):
    page = member("operations").post(LIST, {"action": "try_again", "_selected_action": [reports[2].pk]})
    assert "Nothing of it can be billed" in page.content.decode()
    assert ">Bill it<" not in page.content.decode()


def test_what_is_at_stake_stands_above_the_list_and_on_the_dashboard(member, db):
    fields = {"event_name": "llm", "aggregation": "sum", "value_property": "n", "unit": "token"}
    feature = make_feature("tokens", meter=make_meter("tokens", dimensions=["model"], **fields))
    offers = [offer(feature, rates=[rate("0.02", match={"model": "gpt"})])]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    event = {"id": "a", "customer": "acme", "event": "llm", "properties": {"model": "llama", "n": 1234}}
    send(event, call("b", customer="nobody"))
    page = member("support").get(LIST).content.decode()
    for part in ("about $24.68 where it can be known", "1,234 tokens", "up to $24.68</td>", "not known</td>"):
        assert part in page, part
    assert "Kept, not billed; about $24.68 at stake" in member("finance").get("/admin/").content.decode()


def test_a_worker_is_asked_for_all_of_it(member, reports, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.reprocess_usage, "delay", lambda: asked.append("replay"))
    page = member("operations").get(f"{LIST}try_all_again", follow=True).content.decode()
    assert asked == ["replay"]
    assert "A worker tries all of it again" in page


def test_where_no_worker_can_be_asked_the_command_is_named(member, reports, monkeypatch):
    def refuse() -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.reprocess_usage, "delay", refuse)
    page = member("operations").get(f"{LIST}try_all_again", follow=True).content.decode()
    assert "manage.py reprocess_usage does the same" in page


def test_the_task_does_what_the_page_promises(reports):
    assert tasks.reprocess_usage() == {"tried": 3, "resolved": 2, "left": 1}


def test_support_looks_and_does_not_touch(member, reports):
    client = member("support")
    assert "Try all again" not in client.get(LIST).content.decode()
    typed = {"action": "try_again", "_selected_action": [reports[0].pk]}
    client.post(LIST, typed)
    assert not Counter.objects.exists()
