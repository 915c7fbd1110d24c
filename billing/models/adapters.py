"""Systems that records are pushed to, and the state of each record: docs/adapters.md."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite, one_of

MAX_ERROR = 500
MAX_LOG = 20
"""Maximum tries that a record's log keeps."""


class SyncKind(models.TextChoices):
    """The systems; billing/revenue/adapters has the adapter of each."""

    HUBSPOT = "hubspot", _("HubSpot")
    XERO = "xero", _("Xero")


class RecordKind(models.TextChoices):
    """A company is a customer, a deal is a subscription."""

    COMPANY = "company", _("company")
    DEAL = "deal", _("deal")
    INVOICE = "invoice", _("invoice")


class SyncState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SYNCED = "synced", _("synced")
    FAILED = "failed", _("failed, will be retried")
    REFUSED = "refused", _("refused")


QUEUED = (SyncState.WAITING, SyncState.FAILED)
"""States in which a record is due at a time."""


@pghistory.track(exclude=["secret", "read_up_to", "paused_until", "error"])
class SyncTarget(models.Model):
    """
    A system that a seller's records are pushed to.

    secret: the access token (HubSpot) or the client secret (Xero), encrypted.
    client_id, token_url: of the client credentials that Xero exchanges for access tokens.
    account_code: the account of Xero that lines are booked to.
    since: invoices issued before are not pushed.
    read_up_to: the id up to which the running search for changes has read; 0 between two searches.
    paused_until, error: until when nothing is sent, and why: a rate limit, or rejected credentials.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="sync_targets")
    kind = models.CharField(max_length=7, choices=SyncKind)
    base_url = models.CharField(
        _("URL"), max_length=200, help_text=_("Such as https://api.hubapi.com or https://api.xero.com.")
    )
    secret = models.TextField(editable=False)
    client_id = models.CharField(
        _("client ID"), max_length=200, blank=True, help_text=_("Xero: of the custom connection.")
    )
    token_url = models.CharField(
        _("token URL"),
        max_length=200,
        blank=True,
        help_text=_("Xero: such as https://identity.xero.com/connect/token."),
    )
    account_code = models.CharField(
        max_length=40, blank=True, help_text=_("Xero: the account that invoice lines are booked to, such as 200.")
    )
    since = models.DateField(
        _("invoices since"), null=True, blank=True, help_text=_("Earlier invoices are not pushed. Empty: all.")
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    read_up_to = models.BigIntegerField(default=0, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.CharField(max_length=MAX_ERROR, blank=True, default="", editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "kind"],
                name="seller_has_each_sync_target_once",
                violation_error_message=_("This seller already has such a target. Change that one instead."),
            ),
            one_of("kind", SyncKind, name="sync_target_kind_is_known"),
            models.CheckConstraint(condition=Q(base_url__regex="^https?://"), name="sync_target_has_an_address"),
            models.CheckConstraint(
                condition=Q(secret__startswith="gAAAA"),  # noqa: S106, how all that Fernet encrypts begins
                name="sync_target_secret_is_kept_encrypted",
            ),
            models.CheckConstraint(
                condition=~Q(kind=SyncKind.XERO)
                | Q(token_url__regex="^https?://") & ~Q(client_id="") & ~Q(account_code=""),  # noqa: S106, an address
                name="xero_target_has_a_client_and_an_account",
                violation_error_message=_("Xero needs a client ID, a token URL and an account code."),
            ),
            models.CheckConstraint(condition=Q(read_up_to__gte=0), name="search_for_changes_reads_forward"),
            models.CheckConstraint(
                condition=Q(paused_until__isnull=True) | ~Q(error=""), name="paused_sync_target_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller}: {self.get_kind_display()}"


class SyncRecord(models.Model):
    """
    One of our rows on its way to a target: both the queue and the log of its sending.

    row_id: of the customer, the subscription or the invoice.
    remote_id: the target's id of the record; empty until it is known.
    digest: SHA-256 of the content that the target last accepted or refused; empty before.
    attempts: tries since the content was last accepted or refused.
    next_at: when to send it; while it is being sent, the end of the worker's lease; null if nothing is to be sent.
    leased_until: the end of the lease while a worker sends it.
    error: why the last try failed; empty after a success.
    log: the latest tries, the oldest first: objects with `at`, `state` and `text`.
    """

    target = models.ForeignKey("billing.SyncTarget", on_delete=models.PROTECT, related_name="records", db_index=False)
    kind = models.CharField(max_length=7, choices=RecordKind)
    row_id = models.BigIntegerField()
    remote_id = models.CharField(_("remote ID"), max_length=100, blank=True, default="")
    digest = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=7, choices=SyncState, default=SyncState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=MAX_ERROR, blank=True, default="")
    log = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["target", "kind", "row_id"], name="row_is_pushed_once_to_a_target"),
            models.UniqueConstraint(
                fields=["target", "kind", "remote_id"],
                condition=~Q(remote_id=""),
                name="remote_record_is_of_one_row",
            ),
            one_of("kind", RecordKind, name="sync_record_kind_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=QUEUED, next_at__isnull=False)
                | Q(state__in=[SyncState.SYNCED, SyncState.REFUSED], next_at__isnull=True, leased_until__isnull=True),
                name="sync_record_is_due_until_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(digest="") | Q(digest__regex="^[0-9a-f]{64}$"),
                name="sync_record_digest_is_a_sha256",
            ),
            models.CheckConstraint(
                condition=~Q(state=SyncState.SYNCED) | Q(error="", sent_at__isnull=False),
                name="synced_record_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[SyncState.FAILED, SyncState.REFUSED]) | ~Q(error=""),
                name="unsent_record_says_why",
            ),
            finite("row_id", least=1, most=2**62, name="sync_record_is_of_a_row"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="sync_record_due"),
            models.Index(fields=["state", "-id"], name="sync_record_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.row_id}"
