"""Operations have unbilled usage tried again: what is selected at once, all of it by a worker."""

import pytest
from kombu.exceptions import OperationalError

from billing import tasks
from billing.models import Counter, UnbilledUsage
from tests.billing.ingest.world import call, make_world, send

pytestmark = pytest.mark.django_db

LIST = "/admin/billing/unbilledusage/"


@pytest.fixture
def reports() -> list[UnbilledUsage]:
    """Leave two calls that came before their customer, and one whose customer never came."""
    send(call("a"), call("b"), call("c", customer="nobody"))
    make_world("acme")
    return list(UnbilledUsage.objects.order_by("pk"))


def test_what_is_selected_is_billed_at_once(member, reports):
    chosen = [reports[0].pk, reports[2].pk]
    typed = {"action": "try_again", "_selected_action": chosen}
    page = member("operations").post(LIST, typed, follow=True).content.decode()
    assert "1 of 2 are billed now; 1 are left." in page
    assert Counter.objects.get().quantity == 1


def test_a_worker_is_asked_for_all_of_it(member, reports, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.replay_unbilled, "delay", lambda: asked.append("replay"))
    page = member("operations").get(f"{LIST}try_all_again", follow=True).content.decode()
    assert asked == ["replay"]
    assert "A worker tries all of it again" in page


def test_where_no_worker_can_be_asked_the_command_is_named(member, reports, monkeypatch):
    def refuse() -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.replay_unbilled, "delay", refuse)
    page = member("operations").get(f"{LIST}try_all_again", follow=True).content.decode()
    assert "manage.py replay_unbilled does the same" in page


def test_the_task_does_what_the_page_promises(reports):
    assert tasks.replay_unbilled() == {"tried": 3, "resolved": 2, "left": 1}


def test_support_looks_and_does_not_touch(member, reports):
    client = member("support")
    assert "Try all again" not in client.get(LIST).content.decode()
    typed = {"action": "try_again", "_selected_action": [reports[0].pk]}
    client.post(LIST, typed)
    assert not Counter.objects.exists()
