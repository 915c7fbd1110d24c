"""Access to a customer's portal: links and sessions. docs/portal.md."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models.contacts import ContactRole

# A link travels by email and may be forwarded, so it lives briefly; a session ends within a working day.
LONGEST_LINK = timedelta(hours=1)
LONGEST_SESSION = timedelta(hours=12)
# The token of an embedded page is in its address, which histories and proxies may keep.
LONGEST_EMBEDDING = timedelta(hours=1)

_HASHED = "^[0-9a-f]{64}$"


class PortalAccessWay(models.TextChoices):
    """The way in which a person enters the portal."""

    MAIL = "mail", _("requested by email")
    PRODUCT = "product", _("created by the API")
    STAFF = "staff", _("created by a staff user")
    EMBED = "embed", _("embedded in a page of the product")


class EmbeddedPage(models.TextChoices):
    """A page that the product can show in a frame."""

    USAGE = "usage", _("usage")
    BALANCE = "balance", _("balance")
    PORTAL = "portal", _("portal")


class PortalLink(models.Model):
    """
    A link into the portal that works once and for minutes. Only the SHA-256 of its secret is stored.

    email: the recipient's mailbox in lower case; its owner chooses among the customers that list it as a contact.
    customer, contact: of a link created by the product or staff; without a contact it allows only viewing.
    origin: of the server that received the request, as in https://a.example.
    secret_sha256: empty until the email is sent. emailed_at: when it was sent, or when no recipient was found.
    """

    way = models.CharField(max_length=7, choices=PortalAccessWay)
    email = models.EmailField(blank=True, default="")
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, null=True, related_name="+")
    contact = models.ForeignKey("customers.Contact", on_delete=models.CASCADE, null=True, related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    origin = models.CharField(max_length=300, blank=True, default="")
    secret_sha256 = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001  NULL: not sent yet
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    emailed_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(way="mail", customer__isnull=True, contact__isnull=True) & ~Q(email="")
                | Q(way__in=["product", "staff"], customer__isnull=False, email=""),
                name="portal_link_names_a_mailbox_or_a_customer",
            ),
            models.CheckConstraint(
                condition=Q(secret_sha256__isnull=True, way="mail") | Q(secret_sha256__regex=_HASHED),
                name="secret_of_a_portal_link_is_kept_hashed",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at"), expires_at__lte=F("created_at") + LONGEST_LINK),
                name="portal_link_lasts_an_hour_at_most",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="portal_link_by_age"),
            models.Index(fields=["id"], condition=Q(emailed_at__isnull=True, way="mail"), name="portal_mail_to_send"),
        ]

    def __str__(self) -> str:
        return f"{self.get_way_display()} of {self.created_at:%Y-%m-%d %H:%M}"


class PortalSessionQuerySet(models.QuerySet["PortalSession"]):
    def embedded(self) -> Self:
        """Return the sessions of embedded pages, which no cookie opens."""
        return self.filter(way=PortalAccessWay.EMBED)

    def open(self, at: datetime, *, idle: timedelta) -> Self:
        """
        Return the sessions that have not ended: by sign-out, by time, or by a change of the contact's mailbox,
        customer or role.
        """
        has_same_mailbox = Q(contact__isnull=True) | Q(
            contact__email__iexact=F("email"), contact__customer=F("customer")
        )
        may_enter = Q(contact__isnull=True) | ~Q(contact__role=ContactRole.NONE)
        return self.filter(
            has_same_mailbox, may_enter, ended_at__isnull=True, expires_at__gt=at, seen_at__gt=at - idle
        )


class PortalSession(models.Model):
    """
    A signed-in session in the portal of one customer. Only the SHA-256 of its secret is stored, which is in a cookie,
    or in the address of an embedded page.

    contact: the person whose rights apply; without one, the session allows only viewing. The session ends when the
        contact is deleted or gets another mailbox than `email`. by: the staff user who views the portal as the
        customer.
    seen_at: last page view, to the minute. expires_at: the latest end.
    pages: that a session of an embedded page opens; empty for all others, which open the portal.
    """

    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey("customers.Contact", on_delete=models.CASCADE, null=True, related_name="+")
    email = models.EmailField(blank=True, default="")
    way = models.CharField(max_length=7, choices=PortalAccessWay)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    secret_sha256 = models.CharField(max_length=64, unique=True)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    pages = ArrayField(models.CharField(max_length=7, choices=EmbeddedPage), default=list, db_default=[])

    objects = PortalSessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(way__in=PortalAccessWay.values), name="portal_session_came_by_a_known_way"
            ),
            models.CheckConstraint(
                condition=Q(secret_sha256__regex=_HASHED), name="secret_of_a_portal_session_is_kept_hashed"
            ),
            models.CheckConstraint(
                condition=Q(contact__isnull=True, email="") | Q(contact__isnull=False) & ~Q(email=""),
                name="portal_session_of_a_contact_names_its_mailbox",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("began_at"), expires_at__lte=F("began_at") + LONGEST_SESSION),
                name="portal_session_lasts_12_hours_at_most",
            ),
            models.CheckConstraint(
                condition=Q(way="embed", pages__len__gte=1, pages__contained_by=EmbeddedPage.values)
                | ~Q(way="embed") & Q(pages=[]),
                name="only_an_embedded_session_names_its_pages",
            ),
            models.CheckConstraint(
                condition=~Q(way="embed")
                | Q(contact__isnull=True, by__isnull=True, expires_at__lte=F("began_at") + LONGEST_EMBEDDING),
                name="embedded_session_is_read_only_for_an_hour_at_most",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="portal_session_by_end")]

    def __str__(self) -> str:
        return f"{self.email or self.get_way_display()} at {self.customer}"
