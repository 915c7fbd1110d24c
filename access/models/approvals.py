"""Approvals by a second person: the rules, the requests, and the acts that count toward a limit."""

from typing import Self

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import MAX_MONEY, QuantityField, finite, one_of
from lib.triggers import WRITE, unchanged_but


class ApprovalKind(models.TextChoices):
    CREDIT_NOTES = "credit_notes", _("credit notes")
    REFUNDS = "refunds", _("refunds and payouts")
    WRITE_OFFS = "write_offs", _("write-offs")
    GRANTS = "grants", _("grants of credits")
    MANUAL_PAYMENTS = "manual_payments", _("payments recorded by hand")
    OVERRIDES = "overrides", _("overrides of prices and terms")
    UNLOCKED_MONTHS = "unlocked_months", _("unlocked months")
    PRICE_CHANGES = "price_changes", _("price changes")
    PLAN_MIGRATIONS = "plan_migrations", _("plan migrations")
    APPROVAL_RULES = "approval_rules", _("looser approval rules")


KINDS_WITH_LIMITS = frozenset(
    {
        ApprovalKind.CREDIT_NOTES,
        ApprovalKind.REFUNDS,
        ApprovalKind.WRITE_OFFS,
        ApprovalKind.GRANTS,
        ApprovalKind.MANUAL_PAYMENTS,
    }
)
"""Kinds of acts that have an amount."""


@pghistory.track()
class ApprovalRule(models.Model):
    """Whether acts of a kind need approval; there is one rule for each kind."""

    kind = models.CharField(max_length=16, choices=ApprovalKind, unique=True)
    is_required = models.BooleanField(default=False)

    class Meta:
        constraints = [
            one_of("kind", ApprovalKind, name="approval_rule_kind_is_known"),
            models.CheckConstraint(
                condition=~Q(kind="approval_rules") | Q(is_required=True), name="looser_rules_always_need_approval"
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())


@pghistory.track()
class ApprovalLimit(models.Model):
    """
    The largest amount of a kind that one person may move alone: by one act, and for one customer within 24 hours.

    unit: a currency, or the unit of a wallet. A unit without a limit always needs approval.
    """

    rule = models.ForeignKey("access.ApprovalRule", on_delete=models.PROTECT, related_name="limits", db_index=False)
    unit = models.CharField(max_length=7)
    amount = QuantityField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "unit"], name="approval_rule_has_one_limit_for_a_unit"),
            models.CheckConstraint(condition=~Q(unit=""), name="approval_limit_has_a_unit"),
            finite("amount", most=MAX_MONEY, name="approval_limit_is_finite"),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.amount.normalize():f} {self.unit}"


class CountedAct(models.Model):
    """
    An act that needed no approval, since its amount was within the limit.

    person: the user, or the creator of the API key; empty for a key without one. customer: empty for an act that
        concerns many, such as a file of grants. Rows are deleted once they are older
    than the 24 hours in which acts are added up.
    """

    kind = models.CharField(max_length=16, choices=ApprovalKind)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    api_key = models.ForeignKey(
        "customers.ApiKey", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    unit = models.CharField(max_length=7)
    amount = QuantityField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            one_of("kind", ApprovalKind, name="counted_act_kind_is_known"),
            models.CheckConstraint(
                condition=Q(person__isnull=False) | Q(api_key__isnull=False), name="counted_act_has_a_person_or_a_key"
            ),
            finite("amount", most=MAX_MONEY, name="counted_amount_is_finite"),
        ]
        indexes = [models.Index(fields=["customer", "kind", "unit", "at"], name="counted_acts_of_customer")]
        triggers = [pgtrigger.Protect(name="counted_act_is_kept", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount.normalize():f} {self.unit}"


class ApprovalState(models.TextChoices):
    WAITING = "waiting", _("awaiting approval")
    APPROVED = "approved", _("approved and carried out")
    REJECTED = "rejected", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")
    LAPSED = "lapsed", _("lapsed: its object changed")
    EXPIRED = "expired", _("expired")


def _request_is_decided_once() -> pgtrigger.Trigger:
    decision = unchanged_but(
        *("state", "decided_by_id", "decided_at", "decision", "outcome_type_id", "outcome_id"),
        "mailed",
        "next_mail_at",
    )
    mail = unchanged_but("mailed", "next_mail_at")
    return pgtrigger.Trigger(
        name="approval_request_is_decided_once",
        when=pgtrigger.Before,
        operation=WRITE,
        # FOR SHARE: the key's creator can't change while the request is decided.
        func=f"""
            IF TG_OP = 'INSERT' AND NEW.state = 'waiting' THEN RETURN NEW; END IF;
            IF TG_OP = 'UPDATE' AND (({mail}) OR (OLD.state = 'waiting' AND ({decision}))) THEN
                IF NEW.state = 'approved' AND NEW.decided_by_id = (
                    SELECT created_by_id FROM customers_apikey WHERE id = NEW.api_key_id FOR SHARE) THEN
                    RAISE EXCEPTION 'nobody_approves_the_request_of_their_key: a second person must approve it'
                    USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'approval_request_is_decided_once: its content is frozen, and a decision is final'
            USING ERRCODE = 'restrict_violation';
        """,  # noqa: S608
    )


class ApprovalRequestQuerySet(models.QuerySet["ApprovalRequest"]):
    def waiting(self, seller: models.Model) -> Self:
        """Return the requests that await approval and concern a seller, or all sellers; not those of the sandbox."""
        return self.filter(Q(seller=seller) | Q(seller=None), state=ApprovalState.WAITING, sandbox=False)


@pghistory.track(exclude=["mailed", "next_mail_at"])
class ApprovalRequest(models.Model):
    """
    An act that waits for the approval of a second person, or had it.

    act, content: name and frozen arguments of the act. digest: SHA-256 of both.
    title, facts: the act in words, and [label, value] pairs for the approver, as of the request.
    versions: name of an object that the act depends on → its state as of the request.
    amount, unit: moved by the act; empty for an act without an amount.
    customer, seller: of the act; empty if it concerns none, or all.
    subject: the row that the act is about. outcome: the row that it made or changed.
    requested_by or api_key: the requester. expires_at: undecided, it expires then.
    mailed: how many of its mails have left. next_mail_at: when the next one is due; empty: none.
    """

    act = models.CharField(max_length=40)
    kind = models.CharField(max_length=16, choices=ApprovalKind)
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    title = models.CharField(max_length=300)
    facts = models.JSONField(default=list)
    versions = models.JSONField(default=dict)
    amount = QuantityField(null=True)
    unit = models.CharField(max_length=7, blank=True)
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, null=True, related_name="approval_requests"
    )
    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, null=True, related_name="+")
    sandbox = models.BooleanField(default=False)
    subject_type = models.ForeignKey(ContentType, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject_id = models.BigIntegerField()
    outcome_type = models.ForeignKey(
        ContentType, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    outcome_id = models.BigIntegerField(null=True)
    reason = models.TextField(blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    api_key = models.ForeignKey(
        "customers.ApiKey", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=ApprovalState, default=ApprovalState.WAITING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)
    decision = models.TextField(blank=True)
    mailed = models.PositiveSmallIntegerField(default=0)
    next_mail_at = models.DateTimeField(null=True)

    objects = ApprovalRequestQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        permissions = [
            (f"approve_{kind}", f"Can approve other users' requests: {kind.label}") for kind in ApprovalKind
        ]
        constraints = [
            one_of("kind", ApprovalKind, name="approval_kind_is_known"),
            one_of("state", ApprovalState, name="approval_state_is_known"),
            models.CheckConstraint(condition=Q(digest__regex="^[0-9a-f]{64}$"), name="approval_request_has_a_digest"),
            models.CheckConstraint(
                condition=Q(requested_by__isnull=False, api_key__isnull=True)
                | Q(requested_by__isnull=True, api_key__isnull=False),
                name="approval_is_requested_by_a_person_or_a_key",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True, decided_by__isnull=True)
                | Q(state__in=["lapsed", "expired", "withdrawn"], decided_at__isnull=False)
                | Q(state__in=["approved", "rejected"], decided_at__isnull=False, decided_by__isnull=False),
                name="approval_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved")
                | Q(requested_by__isnull=True)
                | Q(requested_by__isnull=False, decided_by__isnull=False) & ~Q(decided_by=F("requested_by")),
                name="nobody_approves_their_own_request",
            ),
            models.CheckConstraint(
                condition=Q(amount__isnull=True, unit="") | Q(amount__isnull=False) & ~Q(unit=""),
                name="approval_amount_has_a_unit",
            ),
            finite("amount", most=MAX_MONEY, name="approval_amount_is_finite"),
            models.CheckConstraint(
                condition=Q(outcome_type__isnull=True, outcome_id__isnull=True)
                | Q(outcome_type__isnull=False, outcome_id__isnull=False, state="approved"),
                name="approved_request_has_an_outcome",
            ),
            models.UniqueConstraint(
                fields=["digest"], condition=Q(state="waiting"), name="same_act_is_requested_once_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["next_mail_at"], condition=Q(next_mail_at__isnull=False), name="approval_mails_due"),
            models.Index(fields=["expires_at"], condition=Q(state="waiting"), name="approvals_that_wait"),
            models.Index(fields=["subject_type", "subject_id"], name="approvals_of_subject"),
        ]
        triggers = [_request_is_decided_once()]

    def __str__(self) -> str:
        return self.title
