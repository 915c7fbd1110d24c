"""A month is reviewed by its checklist, locked by an approver once nothing blocks it, and unlocked with a reason."""

import re
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.urls import reverse

from billing.admin.jobs import worker_wakeup
from billing.closing import close_due
from billing.models import Job
from billing.revenue.accruals.accrual_run import accrue_all
from invoices.models import MonthLock
from tests.builders import FEB, fee, make_customer, make_plan, make_seller, offer, publish, rate, subscribe, use

MONTHS = "/admin/invoices/monthlock/month-end/"


@pytest.fixture(autouse=True)
def over(db, monkeypatch):
    """Return the ended January period of a customer of Acme."""
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    version = publish(make_plan(fees=[fee("10", billed="arrears")], offers=[offer("calls", rates=[rate("0.05")])]))
    return use(subscribe(make_customer(), version), "calls", 100)


def address(month="2026-01", *, page=""):
    return f"{MONTHS}{make_seller().pk}/{month}/{page}"


def shown(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def test_blocking_checks_link_to_their_rows(member, over):
    client = member("finance")
    text = shown(client.get(address()))
    for words in (
        "Periods to invoice",
        f"?status=due&amp;seller={make_seller().pk}",
        "Red items block the lock",
    ):
        assert words in text, words
    approver = member("finance approver")
    assert "1 ended period is not invoiced yet." in shown(approver.get(address(page="lock/")))
    text = shown(approver.post(address(page="lock/"), follow=True))
    assert "January 2026 of Acme Inc. can&#x27;t be locked." in text
    assert not MonthLock.objects.exists()


def test_a_month_is_locked_and_unlocked(member):
    close_due(at=FEB + timedelta(hours=1))
    finance, client = member("finance"), member("finance approver")
    text = shown(finance.get(address()))
    assert "Nothing blocks the lock" in text
    assert "Lock January 2026" not in text, "finance prepares the month, and an approver locks it"
    assert finance.get(address(page="lock/")).status_code == 403
    assert "Only the finance approver can unlock it" in shown(client.get(address(page="lock/")))
    text = shown(client.post(address(page="lock/"), {"_reason": "agreed with the board"}, follow=True))
    assert "January 2026 is locked; its postings are being frozen." in text
    for words in ("agreed with the board", "Checklist when locked", "Audit not run yet"):
        assert words in text, words
    assert "locked" in shown(client.get("/admin/invoices/monthlock/"))
    assert finance.get(address(page="unlock/")).status_code == 403
    approver = client
    assert "Enter the reason" in shown(approver.post(address(page="unlock/"), follow=True))
    text = shown(approver.post(address(page="unlock/"), {"_reason": "forgot a credit"}, follow=True))
    assert "January 2026 is unlocked." in text
    assert "Earlier locks" in text


def test_the_months_of_all_sellers_are_shown(member):
    make_seller("other", legal_name="Other Inc.")
    text = shown(member("support").get(MONTHS))
    assert "Other Inc." in text
    assert "ready to lock" in text


def test_one_page_has_the_checklists_of_all_sellers_and_says_what_a_lock_freezes(member):
    other = make_seller("other", legal_name="Other Inc.")
    page = f"{MONTHS}?month=2026-01"
    text = shown(member("finance").get(page))
    assert f"?status=due&amp;seller={make_seller().pk}" in text, "a blocker is a link"
    assert "1 blocker before locking" in text
    assert f'value="{other.pk}" checked' in text
    assert f'value="{make_seller().pk}" disabled' in text
    assert "The finance approver locks." in text
    close_due(at=FEB + timedelta(hours=1))
    accrue_all(at=FEB + timedelta(hours=2))
    caches["memory"].clear()
    text = shown(member("finance approver").get(page))
    assert "Nothing blocks the lock" in text
    assert re.search(r"\d postings from \d sources · \$15.00 earned", text)


def test_a_month_of_several_sellers_is_locked_at_once_or_not_at_all(member):
    other, approver = make_seller("other", legal_name="Other Inc."), member("finance approver")
    lock = f"{MONTHS}2026-01/lock/?seller={make_seller().pk}&seller={other.pk}"
    assert "Acme Inc.: 1 ended period is not invoiced yet." in shown(approver.get(lock))
    assert "can&#x27;t be locked" in shown(approver.post(lock))
    assert not MonthLock.objects.exists()
    close_due(at=FEB + timedelta(hours=1))
    accrue_all(at=FEB + timedelta(hours=2))
    text = shown(approver.get(lock))
    assert re.search(r"Acme Inc.: a job freezes \d postings from \d sources, .* \$15.00 is earned", text)
    assert "Other Inc. has no postings in this month" in text
    assert "January 2026 is locked" in shown(approver.post(lock, follow=True))
    assert MonthLock.objects.count() == Job.objects.filter(kind="month_lock").count() == 2
    assert member("finance").post(lock).status_code == 403


def test_other_groups_see_the_checklist_without_revenue(member):
    close_due(at=FEB + timedelta(hours=1))
    text = shown(member("support").get(f"{MONTHS}?month=2026-01"))
    assert "Periods to invoice" in text
    for words in ("From invoiced to earned", "Accounting files</span>", "earned"):
        assert words not in text, words


@pytest.mark.parametrize("query", ["month=2026-13", "page=0", "page=2", "page=x"])
def test_an_unknown_month_or_page_of_sellers_is_not_found(member, query):
    assert member("finance").get(f"{MONTHS}?{query}").status_code == 404


def test_the_invoices_of_a_month_are_totaled_and_printed(member):
    close_due(at=FEB + timedelta(hours=1))
    client = member("finance")
    assert "$15.00" in shown(client.get(address("2026-02")))
    answer = client.post(address("2026-02", page="print/"))
    job = Job.objects.get()
    assert answer.url == reverse("admin:billing_job_change", args=[job.pk])
    assert job.parameters == {"seller": make_seller().pk, "month": "2026-02-01"}


def test_an_integrity_check_is_started_from_the_checklist(member):
    client = member("finance")
    assert "Run audit" in shown(client.get(address()))
    client.post(reverse("admin:billing_job_audit"))
    assert "Waiting for a worker" in shown(
        client.get(reverse("admin:billing_job_change", args=[Job.objects.get().pk]))
    )


@pytest.mark.parametrize("group", ["support", "operations", "engineer", "finance"])
def test_is_refused_to_other_groups(member, group):
    client = member(group)
    assert "Lock January 2026" not in shown(client.get(address()))
    assert client.post(address(page="lock/")).status_code == 403


@pytest.mark.parametrize("month", ["2026-13", "january", "2026-01-05"])
def test_an_invalid_month_is_not_found(member, month):
    assert member("finance").get(address(month)).status_code == 404
