"""The sealed audit log: an entry for each recorded change, in a chain of seals. docs/audit-log.md"""

import pghistory
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import one_of
from lib.triggers import append_only

SHA256 = "^[0-9a-f]{64}$"


class AccountEventKind(models.TextChoices):
    SIGNED_IN = "signed_in", _("signed in")
    FAILED = "failed", _("failed to sign in")
    SIGNED_OUT = "signed_out", _("signed out")
    SETTING = "setting", _("changed a password or a second factor")
    HELPED = "helped", _("was helped by an administrator")


class AccountEvent(models.Model):
    """
    A sign-in of staff, a failed one, or a change of one's own account.

    user: empty if the entered name is nobody's. name: the username at that time. way: how the user signed in, or the
    setting, or the help. address: where the request came from. by, reason: the administrator who helped, and why.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=10, choices=AccountEventKind)
    way = models.CharField(max_length=60, blank=True)
    address = models.CharField(max_length=45, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [one_of("kind", AccountEventKind, name="account_event_kind_is_known")]
        indexes = [models.Index(fields=["user", "at"], name="account_events_of_user")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.name} {self.get_kind_display()}"


class AuditFormat(models.Model):
    """The columns of a recorded table that digests are made of; a migration that adds one makes a new format."""

    source = models.CharField(max_length=63)
    columns = ArrayField(models.CharField(max_length=63))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "columns"], name="audit_format_is_stored_once")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.source}, {len(self.columns)} columns"


class AuditSeal(models.Model):
    """
    A batch of entries, sealed together.

    id: 1, 2, 3 … without a gap. hash: SHA-256 of `previous`, the hash of the seal before, and of all entries.
    """

    id = models.BigIntegerField(primary_key=True)
    previous = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, unique=True)
    entry_count = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(hash__regex=SHA256), name="audit_seal_has_a_hash"),
            models.CheckConstraint(
                condition=Q(id=1, previous="") | Q(id__gt=1, previous__regex=SHA256),
                name="audit_seal_follows_another",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"seal {self.pk}"


class AuditEntry(models.Model):
    """
    The place of one recorded change in the chain, and what it is found by.

    position: in its seal, from 1. source, event_id: the table and the row that hold the change.
    object_id: the changed row. verb: insert, update or delete; for an account event, its kind.
    user_id: who did it; the row of the user may be gone. context: API key, action and approval request.
    fields: columns that the change affected. digest: SHA-256 of the row that holds the change, in this format.
    """

    # Entries are written before their seal, whose hash needs them; `audit` finds entries without one.
    seal = models.ForeignKey(
        "access.AuditSeal",
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,
        db_constraint=False,
    )
    position = models.PositiveIntegerField()
    source = models.CharField(max_length=63)
    event_id = models.BigIntegerField()
    object_id = models.CharField(max_length=64)
    verb = models.CharField(max_length=20)
    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    context = models.JSONField(default=dict)
    fields = ArrayField(models.CharField(max_length=63), default=list)
    format = models.ForeignKey("access.AuditFormat", on_delete=models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seal", "position"], name="audit_entry_has_one_place"),
            models.UniqueConstraint(fields=["source", "event_id"], name="recorded_change_is_sealed_once"),
            models.CheckConstraint(condition=Q(digest__regex=SHA256), name="audit_entry_has_a_digest"),
        ]
        indexes = [
            models.Index(fields=["source", "object_id"], name="audit_entries_of_object"),
            models.Index(fields=["user_id", "id"], name="audit_entries_of_user"),
            models.Index(fields=["at", "id"], name="audit_entries_by_time"),
            GinIndex(fields=["fields"], name="audit_entries_by_field"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"


class AuditSource(models.Model):
    """
    How far a recorded table is sealed.

    sealed_to: all rows up to this id are sealed or will never exist. horizon: the highest id at the last look, and
    horizon_xid a transaction number: once all earlier transactions are over, `sealed_to` can rise to `horizon`.
    """

    source = models.CharField(max_length=63, unique=True)
    sealed_to = models.BigIntegerField(default=0)
    horizon = models.BigIntegerField(default=0)
    horizon_xid = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.source


class AuditFeed(models.Model):
    """
    How far the audit log was sent to the address of `TOLLBOOK_AUDIT_WEBHOOK_URL`; there is one row.

    last_entry: the last entry that was accepted. problem: why the message after it was not, at the last try.
    """

    last_entry = models.BigIntegerField(default=0)
    problem = models.TextField(blank=True)
    tried_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_audit_feed")]

    def __str__(self) -> str:
        return "audit feed"


class AuditErasure(models.Model):
    """A recorded change whose content was erased since. digest: SHA-256 of the row without it."""

    entry = models.ForeignKey("access.AuditEntry", on_delete=models.PROTECT, related_name="erasures")
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(digest__regex=SHA256), name="audit_erasure_has_a_digest")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"erasure of {self.entry}"


class AuditRemoval(models.Model):
    """
    Recorded changes that left at the end of their retention; the chain keeps their digests.

    source, event_ids: the table and the rows. before: the time that all of them were older than.
    """

    source = models.CharField(max_length=63)
    event_ids = ArrayField(models.BigIntegerField())
    before = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(before__lte=F("at")), name="audit_removal_is_of_earlier_changes")
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.source}, {len(self.event_ids)} changes"


# Django's own models, tracked by way of proxies: the triggers belong to their tables.


@pghistory.track(exclude=["password", "last_login"], model_name="UserChange")
class TrackedUser(User):
    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("user")


@pghistory.track(model_name="GroupChange")
class TrackedGroup(Group):
    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("group")


@pghistory.track(model_name="MembershipChange")
class TrackedMembership(User.groups.through):  # type: ignore[misc, name-defined]  # made by Django at run time
    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("membership in the group")

    def __str__(self) -> str:
        return str(self.group)


@pghistory.track(model_name="GroupRightChange")
class TrackedGroupRight(Group.permissions.through):  # type: ignore[misc, name-defined]  # see above
    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("permission")

    def __str__(self) -> str:
        return str(self.permission)


@pghistory.track(model_name="UserRightChange")
class TrackedUserRight(User.user_permissions.through):  # type: ignore[misc, name-defined]  # see above
    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("permission")

    def __str__(self) -> str:
        return str(self.permission)
