"""`manage.py close_periods` closes due periods, prints a summary, and fails if any period failed."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models import Counter, Job, Period, Subscription
from billing.tasks import close_due_periods, generate_periods
from invoices.models import Invoice
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe, use

AT = "2026-02-01T01:00Z"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("close_periods", "--at", AT, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def subscriptions() -> list[Subscription]:
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("20", billed="arrears")], offers=offers))
    created = [subscribe(make_customer(), version) for _ in range(3)]
    for subscription in created:
        use(subscription, "api.calls", 100)
    return created


@pytest.mark.django_db
class TestByOneProcess:
    def test_it_closes_due_periods(self, subscriptions):
        assert "3 periods closed at 2026-02-01 01:00:00+00:00: 3 invoices issued, 0 without an invoice" in run()
        assert Invoice.objects.count() == 3
        assert "0 periods closed" in run()

    def test_a_dry_run_issues_nothing_and_names_the_amount(self, subscriptions):
        assert "3 periods are due at 2026-02-01 01:00:00+00:00: 3 invoices over 75.00 USD." in run("--dry-run")
        assert not Invoice.objects.exists()
        assert Period.objects.filter(state="open").count() == 3

    def test_a_failed_period_fails_the_command(self, subscriptions):
        Counter.objects.filter(period__subscription=subscriptions[0]).update(plan_feature_id=10**9)
        with pytest.raises(CommandError, match="1 periods would fail"):
            run("--dry-run")
        with pytest.raises(CommandError, match="1 periods failed; they will be retried"):
            run()
        assert Invoice.objects.count() == 2

    def test_it_prints_json_on_request(self, subscriptions):
        assert json.loads(run("--json")) == {
            "issued": 3,
            "joined": 0,
            "credited": 0,
            "skipped": 0,
            "busy": 0,
            "late_billed": 0,
            "late_left": 0,
            "failed": [],
        }

    def test_as_a_job_it_is_stored_with_its_result(self, subscriptions):
        output = run("--job", "--dry-run")
        assert output.startswith("Close all sellers, due by 2026-02-01 01:00 UTC: done;")
        assert "3 periods, 3 invoices" in output
        assert not Invoice.objects.exists()
        run("--job")
        assert (Invoice.objects.count(), Job.objects.filter(kind="close_run", state="done").count()) == (3, 2)
        with pytest.raises(CommandError, match="2999-01-01 00:00 UTC is in the future"):
            run("--job", "--at", "2999-01-01")

    def test_an_impossible_number_of_workers_is_refused(self):
        with pytest.raises(CommandError, match="--workers 0 is out of range; choose 1 to 32"):
            run("--workers", "0")


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_several_processes_share_the_work(subscriptions):
    assert "3 periods closed at 2026-02-01 01:00:00+00:00: 3 invoices issued" in run("--workers", "2")
    assert list(Invoice.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3]


@pytest.mark.django_db
def test_the_tasks_close_by_the_databases_clock(subscriptions):
    """All periods are long past, so at any present time January is due and later periods are missing."""
    assert generate_periods() > 0
    assert close_due_periods()["issued"] == Invoice.objects.count() >= 3
    assert close_due_periods()["issued"] == 0
