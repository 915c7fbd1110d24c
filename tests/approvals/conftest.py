"""People, rules and an invoice for tests of approvals."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from access.approvals import Requester, perform
from access.approvals.rule_change import ChangeRule
from access.models import ApprovalLimit, ApprovalRequest, ApprovalRule
from invoices.credit_notes import RequestedCredit
from invoices.credit_notes.acts import IssueCreditNote
from invoices.models import Invoice
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer
from tests.deferred_checks import check_deferred


@pytest.fixture
def staff(db) -> Callable[..., User]:
    """Return a function that creates a staff user of a group."""

    def make(name: str, group: str, **fields: object) -> User:
        user = User.objects.create_user(name, f"{name}@tollbook.example", is_staff=True, **fields)
        user.groups.set([Group.objects.get(name=group)])
        return user

    return make


@pytest.fixture
def fiona(staff) -> User:
    return staff("fiona", "finance")


@pytest.fixture
def paula(staff) -> User:
    return staff("paula", "finance approver")


@pytest.fixture
def require() -> Callable[..., None]:
    """Return a function that requires approval of a kind, with limits by unit."""

    def set_rule(kind: str, **limits: int) -> None:
        check_deferred()  # prices that were published before are checked by the former rule
        ApprovalRule.objects.filter(kind=kind).update(is_required=True)
        for unit, amount in limits.items():
            ApprovalLimit.objects.create(rule=ApprovalRule.objects.get(kind=kind), unit=unit, amount=Decimal(amount))

    return set_rule


@pytest.fixture
def invoice(db) -> Invoice:
    """Return an invoice over €17.85: 15.00 and 19% tax."""
    return make_invoice(make_customer("globex", currency="EUR"))


def credit(invoice: Invoice, amount: str | None = None) -> IssueCreditNote:
    lines = [RequestedCredit(1, Decimal(amount))] if amount else None
    return IssueCreditNote(invoice_id=invoice.pk, lines=lines, reason="Outage", to="balance")


def ask(user: User, act, **fields: timedelta) -> Invoice | ApprovalRequest:
    """Ask for an act as a user, some time ago if `ago` says so."""
    return perform(act, by=Requester(user=user), at=timezone.now() - fields.get("ago", timedelta()))


def change(kind: str, *, user: User, is_required: bool = True, **limits: int) -> ChangeRule:
    amounts = {unit: Decimal(amount) for unit, amount in limits.items()}
    return ChangeRule(rule_kind=kind, is_required=is_required, limits=amounts, user_id=user.pk)
