"""An act above the limit of one person waits for a second one, and splitting it doesn't help."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from access.approvals import ApprovalRefused, Requester, approve, expire_due, perform, reject, withdraw
from access.models import ApprovalRequest, CountedAct
from customers.api_keys import keys
from invoices.credit_notes import CreditRefused
from invoices.models import Invoice
from invoices.payments.manual_payments import PaymentRefused
from tests.api.invoice_rows import make_invoice
from tests.approvals.conftest import ask, credit
from wallets.operations.acts import RecordPayment

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def notes() -> list[Decimal]:
    return list(Invoice.objects.filter(kind="credit_note").order_by("pk").values_list("total", flat=True))


def decide(verdict, request: ApprovalRequest, by: User, **fields: object) -> ApprovalRequest:
    return verdict(request_id=request.pk, by=by, at=timezone.now(), **fields)


class TestLimits:
    def test_no_rule_no_request(self, invoice, fiona):
        assert isinstance(ask(fiona, credit(invoice)), Invoice)
        assert not CountedAct.objects.exists()

    def test_an_act_within_the_limit_is_carried_out_and_counted(self, invoice, fiona, require):
        require("credit_notes", EUR=20)
        assert isinstance(ask(fiona, credit(invoice)), Invoice)
        assert CountedAct.objects.get().amount == Decimal("17.85")

    def test_an_act_above_the_limit_waits(self, invoice, fiona, require):
        require("credit_notes", EUR=17)
        request = ask(fiona, credit(invoice))
        assert (request.state, request.amount, request.unit) == ("waiting", Decimal("17.85"), "EUR")
        assert request.title == "Credit €17.85 of INV-00001"
        assert notes() == []

    def test_a_unit_without_a_limit_always_waits(self, invoice, fiona, require):
        require("credit_notes", USD=1_000_000)
        assert isinstance(ask(fiona, credit(invoice, "0.01")), ApprovalRequest)

    def test_parts_of_an_amount_add_up_within_a_day(self, invoice, fiona, require):
        require("credit_notes", EUR=12)
        assert isinstance(ask(fiona, credit(invoice, "5")), Invoice)
        assert isinstance(ask(fiona, credit(invoice, "5")), Invoice)  # 11.90 with tax
        assert isinstance(ask(fiona, credit(invoice, "1")), ApprovalRequest)
        other = make_invoice(invoice.customer)
        assert isinstance(ask(fiona, credit(other, "1")), ApprovalRequest)

    def test_acts_of_yesterday_no_longer_count(self, invoice, fiona, require):
        require("credit_notes", EUR=12)
        ask(fiona, credit(invoice, "10"), ago=DAY)
        assert isinstance(ask(fiona, credit(invoice, "5")), Invoice)

    def test_another_person_has_a_limit_of_their_own(self, invoice, fiona, staff, require):
        require("credit_notes", EUR=12)
        ask(fiona, credit(invoice, "10"))
        assert isinstance(ask(staff("felix", "finance"), credit(invoice, "5")), Invoice)

    def test_the_keys_that_a_person_created_share_their_limit(self, invoice, fiona, require):
        require("credit_notes", EUR=12)
        ask(fiona, credit(invoice, "10"))
        key, _secret = keys.issue(name="Own", scopes=["manage"], sandbox=False, by=fiona, at=timezone.now())
        outcome = perform(credit(invoice, "5"), by=Requester(api_key_id=key.pk), at=timezone.now())
        assert isinstance(outcome, ApprovalRequest)

    def test_superusers_are_not_exempt(self, invoice, require):
        require("credit_notes", EUR=1)
        assert isinstance(ask(User.objects.create_superuser("root"), credit(invoice)), ApprovalRequest)

    def test_an_impossible_act_is_refused_and_not_requested(self, invoice, fiona, require):
        require("credit_notes", EUR=1)
        with pytest.raises(CreditRefused, match="you can credit up to"):
            ask(fiona, credit(invoice, "16"))
        assert not ApprovalRequest.objects.exists()

    def test_an_invalid_amount_is_refused_by_the_act_itself(self, invoice, fiona, require):
        require("manual_payments", EUR=20)
        with pytest.raises(PaymentRefused, match="Enter an amount above zero"):
            ask(fiona, RecordPayment(invoice_id=invoice.pk, amount=Decimal(-5), reference="bank 7"))
        assert not CountedAct.objects.exists()

    def test_the_same_act_is_requested_once(self, invoice, fiona, staff, require):
        require("credit_notes", EUR=1)
        assert ask(fiona, credit(invoice)).pk == ask(fiona, credit(invoice)).pk
        with pytest.raises(ApprovalRefused, match="Another person has requested exactly this"):
            ask(staff("felix", "finance"), credit(invoice))


class TestDecisions:
    @pytest.fixture
    def request_of_fiona(self, invoice, fiona, require) -> ApprovalRequest:
        require("credit_notes", EUR=1)
        return ask(fiona, credit(invoice, "5"))

    def test_approval_carries_the_act_out_for_its_requester(self, request_of_fiona, fiona, paula):
        request = decide(approve, request_of_fiona, paula, decision="Agreed with the customer")
        assert (request.state, request.decided_by, request.decision) == (
            "approved",
            paula,
            "Agreed with the customer",
        )
        assert notes() == [Decimal("5.95")]
        assert request.outcome_id == Invoice.objects.get(kind="credit_note").pk
        assert not CountedAct.objects.exists()  # what two people decided counts toward nobody's limit

    def test_a_decision_is_final(self, request_of_fiona, paula):
        decide(approve, request_of_fiona, paula)
        for decision in (approve, reject):
            with pytest.raises(ApprovalRefused, match="already decided"):
                decide(decision, request_of_fiona, paula)
        assert notes() == [Decimal("5.95")]

    def test_nobody_approves_their_own_request(self, request_of_fiona, fiona):
        fiona.is_superuser = True
        fiona.save()
        with pytest.raises(ApprovalRefused, match="You can't approve your own request"):
            decide(approve, request_of_fiona, fiona)

    def test_nobody_approves_the_request_of_a_key_they_created(self, invoice, paula, require):
        require("credit_notes", EUR=1)
        key, _secret = keys.issue(name="Own", scopes=["manage"], sandbox=False, by=paula, at=timezone.now())
        request = perform(credit(invoice), by=Requester(api_key_id=key.pk), at=timezone.now())
        with pytest.raises(ApprovalRefused, match="You created the API key"):
            decide(approve, request, paula)
        with pytest.raises(IntegrityError, match="nobody_approves_the_request_of_their_key"), transaction.atomic():
            ApprovalRequest.objects.update(state="approved", decided_by=paula, decided_at=timezone.now())

    def test_a_changed_object_makes_the_request_lapse(self, invoice, request_of_fiona, staff, paula):
        felix = staff("felix", "finance")
        key, _secret = keys.issue(name="Any", scopes=["manage"], sandbox=False, by=felix, at=timezone.now())
        first = perform(credit(invoice, "1"), by=Requester(api_key_id=key.pk), at=timezone.now())
        decide(approve, first, paula)
        request = decide(approve, request_of_fiona, paula)
        assert request.state == "lapsed"
        assert request.decision == (
            "INV-00001 has changed. Then: credited: 0, paid: 0; now: credited: 1.19, paid: 0."
        )
        assert notes() == [Decimal("1.19")]

    def test_a_rejected_request_carries_nothing_out(self, request_of_fiona, paula):
        request = decide(reject, request_of_fiona, paula, decision="Not agreed")
        assert (request.state, notes()) == ("rejected", [])

    def test_only_the_requester_withdraws(self, request_of_fiona, fiona, paula):
        with pytest.raises(ApprovalRefused, match="Only the person who made the request"):
            withdraw(request_id=request_of_fiona.pk, by=Requester(user=paula), at=timezone.now())
        request = withdraw(request_id=request_of_fiona.pk, by=Requester(user=fiona), at=timezone.now())
        assert (request.state, notes()) == ("withdrawn", [])

    def test_a_request_expires_after_a_week(self, request_of_fiona, paula):
        later = timezone.now() + 7 * DAY
        with pytest.raises(ApprovalRefused, match="has expired"):
            approve(request_id=request_of_fiona.pk, by=paula, at=later)
        assert (expire_due(at=timezone.now()), expire_due(at=later), expire_due(at=later)) == (0, 1, 0)
        request_of_fiona.refresh_from_db()
        assert (request_of_fiona.state, notes()) == ("expired", [])

    def test_a_right_that_the_requester_lost_counts_no_more(self, request_of_fiona, fiona, paula):
        fiona.groups.clear()
        with pytest.raises(ApprovalRefused, match="The requester no longer has the permission"):
            decide(approve, request_of_fiona, paula)

    def test_a_right_that_the_approver_lost_counts_no_more(self, request_of_fiona, paula):
        paula.groups.clear()
        with pytest.raises(ApprovalRefused, match="You don't have the permission to approve credit notes"):
            decide(approve, request_of_fiona, paula)

    def test_a_revoked_key_gets_nothing_approved(self, invoice, fiona, paula, require):
        require("credit_notes", EUR=1)
        key, _secret = keys.issue(name="Own", scopes=["manage"], sandbox=False, by=fiona, at=timezone.now())
        request = perform(credit(invoice), by=Requester(api_key_id=key.pk), at=timezone.now())
        keys.revoke(key=key, at=timezone.now())
        with pytest.raises(ApprovalRefused, match="The API key of the request is no longer valid"):
            decide(approve, request, paula)

    def test_an_act_that_is_refused_now_stays_undecided(self, invoice, request_of_fiona, paula, monkeypatch):
        def refuse(*args: object, **kwargs: object) -> None:
            raise CreditRefused("A payment is pending.")

        monkeypatch.setattr("invoices.credit_notes.acts.issue_credit_note", refuse)
        with pytest.raises(ApprovalRefused, match="A payment is pending"):
            decide(approve, request_of_fiona, paula)
        request_of_fiona.refresh_from_db()
        assert request_of_fiona.state == "waiting"


class TestTheDatabase:
    @pytest.fixture
    def waiting(self, invoice, fiona, require) -> ApprovalRequest:
        require("credit_notes", EUR=1)
        return ask(fiona, credit(invoice))

    @pytest.mark.parametrize(
        "change",
        [
            {"content": {}},
            {"amount": 1},
            {"versions": {}},
            {"title": "Harmless"},
            {"expires_at": datetime(2030, 1, 1, tzinfo=UTC)},
        ],
        ids=str,
    )
    def test_the_content_of_a_request_is_frozen(self, waiting, change):
        with pytest.raises(IntegrityError, match="approval_request_is_decided_once"):
            ApprovalRequest.objects.update(**change)

    def test_a_request_is_never_deleted(self, waiting):
        with pytest.raises(IntegrityError, match="approval_request_is_decided_once"):
            ApprovalRequest.objects.all().delete()

    def test_a_request_is_never_approved_by_its_author(self, waiting, fiona):
        with pytest.raises(IntegrityError, match="nobody_approves_their_own_request"):
            ApprovalRequest.objects.update(state="approved", decided_by=fiona, decided_at=timezone.now())

    def test_a_decision_is_not_taken_back(self, waiting, paula):
        decide(reject, waiting, paula)
        with pytest.raises(IntegrityError, match="approval_request_is_decided_once"):
            ApprovalRequest.objects.update(state="waiting", decided_by=None, decided_at=None)
