"""Actions on selected customers say how many, run as a job, and list those for whom they are not possible."""

import csv
import io

import pytest

from billing.admin.jobs import worker_wakeup
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job, Redemption
from customers.models import Customer, PortalLink, StaffSeller
from lib.tabular_files import read_table
from lib.task_clock import database_time
from tests.builders import make_coupon, make_customer, make_seller

LIST = "/admin/customers/customer/"
ACME, BETA, GONE = "acme", "beta", "gone"


@pytest.fixture(autouse=True)
def customers(db, monkeypatch):
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    for name in (ACME, BETA, "unselected"):
        make_customer(name)


def post(client, action, names=(ACME, BETA), *, agreed=True, **fields):
    ids = list(Customer.objects.filter(external_id__in=names).values_list("pk", flat=True))
    body = {"action": action, "_selected_action": ids, "index": "0", **fields}
    return client.post(LIST, {**body, **({"_agreed": "1"} if agreed else {})})


def run_job():
    work(kinds=KINDS, clock=database_time)
    job = Job.objects.latest("pk")
    assert job.state == "done", [item.error for item in job.items.all()]
    return job


def findings(job):
    return [finding for item in job.items.order_by("number") for finding in item.findings]


def tags():
    return dict(Customer.objects.values_list("external_id", "tags"))


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("give_coupon_to_many", "Apply a coupon to 2 customers"),
        ("change_tags_of_many", "Change tags of 2 customers"),
        ("email_portal_links", "Email a portal link to 2 customers"),
        ("migrate", "Plan a migration of 2 customers"),
        ("export_selection", "Export 2 rows"),
    ],
)
def test_each_says_how_many_first(member, action, text):
    page = post(member("finance"), action, agreed=False)
    assert text in page.content.decode()
    assert not Job.objects.exists()


def test_tags_are_added_and_removed(member):
    Customer.objects.filter(external_id=ACME).update(tags=["old", "stays"])
    Customer.objects.filter(external_id=BETA).update(tags=[f"t{number}" for number in range(20)])
    answer = post(member("operations"), "change_tags_of_many", add="new", remove="old")
    job = run_job()
    assert answer.url == f"/admin/billing/job/{job.pk}/change/"
    assert tags()[ACME] == ["new", "stays"]
    assert tags()["unselected"] == []
    assert job.figures == {"changed": 1, "refused": 1}
    [finding] = findings(job)
    assert finding["customer"] == BETA
    assert "21 tags" in finding["reason"]
    event = Customer.objects.get(external_id=ACME).events.latest("pgh_id")
    assert event.pgh_context.metadata["user"] == job.by_id


@pytest.mark.parametrize("fields", [{}, {"add": "Not A Tag!"}])
def test_tags_are_checked_before(member, fields):
    page = post(member("operations"), "change_tags_of_many", **fields)
    assert page.status_code == 200
    assert not Job.objects.exists()


def test_a_coupon_is_given_to_those_whom_it_fits(member):
    Customer.objects.filter(external_id=BETA).update(currency="JPY")
    coupon = make_coupon("GIFT", amount=5)
    post(member("finance"), "give_coupon_to_many", coupon=coupon.pk)
    job = run_job()
    assert [redemption.customer.external_id for redemption in Redemption.objects.all()] == [ACME]
    assert [finding["customer"] for finding in findings(job)] == [BETA]


def test_links_go_to_billing_contacts(member):
    customer = Customer.objects.get(external_id=ACME)
    customer.contacts.create(email="a@acme.example", billing=False)
    customer.contacts.create(email="billing@acme.example", billing=True)
    client = member("support")
    assert "1 customer has no contact" in post(client, "email_portal_links", agreed=False).content.decode()
    post(client, "email_portal_links")
    job = run_job()
    assert [link.email for link in PortalLink.objects.all()] == ["billing@acme.example"]
    assert [finding["customer"] for finding in findings(job)] == [BETA]


def test_the_form_of_a_migration_begins_with_them(member):
    client = member("finance")
    answer = post(client, "migrate")
    assert client.get(answer.url).context["form"]["ids"].value().split() == [ACME, BETA]
    assert client.get(answer.url).context["form"]["ids"].value() == ""


def test_a_file_has_the_selected_rows(member):
    client = member("support")
    answer = post(client, "export_selection", format="csv")
    header, *rows = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode()))
    assert header[:3] == ["Legal name", "External ID", "Health"]
    assert sorted(row[1] for row in rows) == [ACME, BETA]
    book = post(client, "export_selection", format="xlsx")
    table = read_table(book.content, name="x.xlsx", columns=header, needed=())
    assert sorted(row.cells["External ID"] for row in table) == [ACME, BETA]


@pytest.mark.parametrize("action", ["give_coupon_to_many", "change_tags_of_many", "migrate"])
def test_support_is_not_offered_changes(member, action):
    post(member("support"), action)
    assert not Job.objects.exists()
    assert action not in member("support").get(LIST).content.decode()


def test_restricted_staff_change_customers_of_their_sellers(member):
    own = make_seller("own")
    make_customer("mine", seller=own)
    client = member("finance")
    StaffSeller.objects.create(user_id=int(client.session["_auth_user_id"]), seller=own)
    answer = post(client, "change_tags_of_many", (ACME, "mine"), add="new")
    assert answer.url == LIST
    run_job()
    assert {name for name, found in tags().items() if found} == {"mine"}


def test_an_erased_customer_is_left_out(member):
    Customer.objects.filter(external_id=ACME).update(
        legal_name="Erased", external_id="erased-1", email="", erased_at="2026-01-01T00:00:00Z"
    )
    page = post(member("finance"), "change_tags_of_many", ("erased-1",), agreed=False).content.decode()
    assert "None of the selected customers can be changed" in page
