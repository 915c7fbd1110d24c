"""Approvals and limits hold when people act at the same moment: an act is carried out at most once."""

import os
from decimal import Decimal

import psycopg
import pytest
from django.utils import timezone

from access.approvals import ApprovalRefused, approve, perform, reject, requests
from access.approvals.acts import Requester
from access.models import ApprovalRequest, CountedAct
from config.postgres import OWNER
from invoices.credit_notes import acts, issue_credit_note
from invoices.models import Invoice
from tests.api.invoice_rows import make_invoice
from tests.approvals.conftest import ask, credit
from tests.races import Pause, start, together, wait_until_blocked

pytestmark = [pytest.mark.django_db(transaction=True)]


def decide(decision, request, by):
    """Return the state of the request after the decision, or the refusal."""
    try:
        return decision(request_id=request.pk, by=by, at=timezone.now()).state
    except ApprovalRefused as refused:
        return str(refused)


def notes():
    return Invoice.objects.filter(kind="credit_note").count()


@pytest.fixture
def waiting(invoice, fiona, require):
    require("credit_notes", EUR=1)
    return ask(fiona, credit(invoice, "5"))


def test_two_approvals_at_once_carry_the_act_out_once(waiting, paula, staff):
    peter = staff("peter", "finance approver")
    outcomes = together(*(lambda by=by: decide(approve, waiting, by) for by in (paula, peter, paula, peter)))
    assert sorted(outcomes)[:3] == ["The request is already decided. Its state: approved and carried out."] * 3
    assert (sorted(outcomes)[3], notes()) == ("approved", 1)


def test_approval_and_rejection_at_once_leave_one_decision(waiting, paula, staff):
    peter = staff("peter", "finance approver")
    outcomes = together(lambda: decide(approve, waiting, paula), lambda: decide(reject, waiting, peter))
    waiting.refresh_from_db()
    assert outcomes.count(waiting.state) == 1
    assert notes() == (waiting.state == "approved")


def test_a_change_during_the_approval_waits_for_it(invoice, waiting, paula, monkeypatch):
    """The approval holds the invoice's lock, so the other credit note is over the rest."""
    pause = Pause.before(monkeypatch, acts, "preview_credit_note")
    approval = start(lambda: decide(approve, waiting, paula))
    pause.await_arrival()  # the approval holds the invoice
    other = start(
        lambda: issue_credit_note(
            invoice_id=invoice.pk, lines=None, reason="All of it", to="balance", at=timezone.now()
        )
    )
    wait_until_blocked()
    pause.release()
    assert approval.result() == "approved"
    assert other.result().total.amount == Decimal("11.90")  # the rest
    assert notes() == 2


def test_a_change_just_before_the_approval_lets_it_lapse(invoice, waiting, paula, monkeypatch):
    pause = Pause.before(monkeypatch, acts, "_lock_invoice")
    approval = start(lambda: decide(approve, waiting, paula))
    pause.await_arrival()  # the approval holds the request, and not yet the invoice
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="All of it", to="balance", at=timezone.now())
    pause.release()
    assert approval.result() == "lapsed"
    assert notes() == 1


@pytest.mark.parametrize("loser", ["approver", "requester"])
def test_rights_that_are_withdrawn_once_the_approval_has_begun_stop_it(waiting, fiona, paula, monkeypatch, loser):
    assert paula.has_perm("access.approve_credit_notes")  # as the page has asked
    pause = Pause.before(monkeypatch, requests, "_check_approver")
    approval = start(lambda: decide(approve, waiting, paula))
    pause.await_arrival()  # the approval holds the request
    {"approver": paula, "requester": fiona}[loser].groups.clear()
    pause.release()
    assert "permission" in approval.result()
    assert notes() == 0


@pytest.mark.parametrize("count", [2, 6])
def test_a_limit_that_is_reached_at_once_is_never_passed(invoice, fiona, require, count):
    """Each act alone is within the limit; on invoices of their own they share no row but the limit's lock."""
    require("credit_notes", EUR=12)
    invoices = [invoice, *(make_invoice(invoice.customer) for _ in range(count - 1))]
    outcomes = together(*(lambda own=own: ask(fiona, credit(own, "7")) for own in invoices))
    requests = [outcome for outcome in outcomes if isinstance(outcome, ApprovalRequest)]
    assert (len(requests), notes()) == (count - 1, 1)
    assert sum(CountedAct.objects.values_list("amount", flat=True)) == Decimal("8.33")


def test_the_same_act_requested_at_once_is_one_request(invoice, fiona, require):
    require("credit_notes", EUR=1)
    act = credit(invoice, "5")
    outcomes = together(*(lambda: perform(act, by=Requester(user=fiona), at=timezone.now()) for _ in range(4)))
    assert len({outcome.pk for outcome in outcomes}) == ApprovalRequest.objects.count() == 1


def test_a_killed_approval_leaves_nothing_half_done(waiting, paula, monkeypatch):
    pause = Pause.before(monkeypatch, acts, "issue_credit_note")
    approval = start(lambda: decide(approve, waiting, paula))
    pause.await_arrival()
    with psycopg.connect(os.environ[OWNER], autocommit=True) as owner:  # who sees other sessions
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND state LIKE 'idle in transaction%'"
        )
    pause.release()
    with pytest.raises(Exception, match=r"terminat|closed"):
        approval.result()
    waiting.refresh_from_db()
    assert (waiting.state, notes()) == ("waiting", 0)
    assert decide(approve, waiting, paula) == "approved"
    assert notes() == 1
