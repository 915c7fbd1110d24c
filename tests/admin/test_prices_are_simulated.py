"""A simulation in the admin: draft prices rated on past usage, revenue before and after, each bill, and files."""

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job, SimulationResult
from lib.task_clock import database_time
from plans.models import Fee, PlanVersion, PublishingRule
from plans.publishing.publication import new_version
from tests.builders import FEB, JAN, fee, make_customer, make_plan, offer, publish, rate, subscribe, use

pytestmark = pytest.mark.django_db

START = "admin:billing_simulationresult_start"


@pytest.fixture
def draft() -> PlanVersion:
    """
    Return a draft that charges 9 instead of 10, and 2 instead of 1 per call. One of its two customers made 30 calls.
    """
    offers = [offer("calls", rates=[rate("1")])]
    version = publish(make_plan("starter", fees=[fee("10", billed="arrears")], offers=offers), at=JAN)
    busy = subscribe(make_customer("busy", legal_name="Busy Ltd"), version)
    subscribe(make_customer("idle"), version)
    use(busy, "calls", 30)
    close_due(at=FEB.replace(day=2))
    draft = new_version(source=version, by=None, at=FEB)
    Fee.objects.filter(version=draft).update(amount=9)
    draft.features.get().prices.get().rates.update(unit_price=2)
    return draft


def simulation_form(*versions: PlanVersion, **fields):
    form = {"versions": [version.pk for version in versions], "periods": 1, "shock_percent": 20, "shock_amount": 0}
    return form | {"keeps_overrides": "on", **fields}


def simulated(client, *versions: PlanVersion) -> Job:
    client.post(reverse(START), simulation_form(*versions))
    job = Job.objects.latest("pk")
    work(kinds=KINDS, clock=database_time, job_id=job.pk)
    return job


def test_its_page_shows_revenue_and_the_largest_increases(member, draft):
    finance = member("finance")
    page = finance.get(reverse("admin:billing_job_change", args=[simulated(finance, draft).pk])).content.decode()
    for text in ("$50.00", "$78.00", "+$28.00 (+56%)", "Largest increases with Starter v2", "Busy Ltd"):
        assert text in page, text


def test_the_version_and_its_publication_show_the_result(member, draft):
    finance = member("finance")
    simulated(finance, draft)
    summary = "$50.00 → $78.00 (pay more: 1, less: 1, the same: 0; bill shocks: 1)"
    for page in ("change", "publish_now"):
        assert summary in finance.get(reverse(f"admin:plans_planversion_{page}", args=[draft.pk])).content.decode()


def test_publication_requires_a_simulation_where_the_rule_does(member, draft):
    PublishingRule.objects.update(needs_simulation=True)
    page = member("finance").get(reverse("admin:plans_planversion_publish_now", args=[draft.pk])).content.decode()
    assert "must be simulated on past usage first" in page


def test_a_bill_is_compared_line_by_line(member, draft):
    finance = member("finance")
    simulated(finance, draft)
    simulation_result = SimulationResult.objects.latest("change")
    page = finance.get(reverse("admin:billing_simulationresult_change", args=[simulation_result.pk])).content.decode()
    for text in ("Busy Ltd", "$40.00", "$69.00", "30 calls", "+$30.00 (+100%)", "−$1.00 (−10%)"):
        assert text in page, text


def test_results_are_downloaded_as_files(member, draft):
    finance = member("finance")
    job = simulated(finance, draft)
    answer = finance.get(reverse("admin:billing_simulation_xlsx", args=[job.pk]))
    book = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    rows = list(book["Customers"].iter_rows(values_only=True))
    assert [(row[0], row[4], row[5]) for row in rows[1:]] == [("busy", 40, 69), ("idle", 10, 9)]
    listed = finance.get(f"{reverse('admin:billing_simulationresult_changelist')}export/?job__id__exact={job.pk}")
    assert b"Busy Ltd" in b"".join(listed.streaming_content)


def test_an_error_is_shown_at_its_field(member, draft):
    page = member("finance").post(reverse(START), simulation_form(draft, customers="nobody")).content.decode()
    assert "The selection has no active subscription" in page
    assert not Job.objects.exists()


def test_support_sees_results_and_can_not_start_a_simulation(member, draft):
    simulated(member("finance"), draft)
    support = member("support")
    assert support.get(reverse("admin:billing_simulationresult_changelist")).status_code == 200
    assert support.get(reverse(START)).status_code == 403


def test_pages_run_a_fixed_number_of_queries(member, draft):
    finance = member("finance")
    job = simulated(finance, draft)
    pages = [
        f"{reverse('admin:billing_simulationresult_changelist')}?job__id__exact={job.pk}",
        reverse("admin:billing_job_change", args=[job.pk]),
    ]
    few = [query_count(finance, page) for page in pages]
    version = draft.plan.versions.get(number=1)
    for _ in range(5):
        use(subscribe(make_customer(), version), "calls", 5)
    close_due(at=FEB.replace(day=3))
    job = simulated(finance, draft)
    assert SimulationResult.objects.filter(job=job).count() == 7
    more = [query_count(finance, page.replace(str(job.pk - 1), str(job.pk))) for page in pages]
    assert more == few


def query_count(client, page: str) -> int:
    client.get(page)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page).status_code == 200
    return len(captured)
