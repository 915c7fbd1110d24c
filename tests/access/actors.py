"""Books with a row of every kind, two customers with every kind of page, and one actor of each kind."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from access.approvals import Requester, perform
from access.models import ApprovalRule, SavedView
from billing.closing.pdf_archives.job import start_rendering
from billing.closing.pdf_archives.selection import select_month
from billing.models import Job, Subscription
from billing.models.jobs import JobKind
from billing.subscriptions import apply_coupon
from customers.api_keys.keys import issue
from customers.models import ApiKey, Customer, PortalSession
from customers.models.portal_access import PortalAccessWay
from customers.portal.visit import COOKIE
from customers.portal_auth import sessions
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments.attempts import open_page
from lib.encryption import encrypt
from plans.models import Coupon, Plan
from plans.publishing.publication import new_version
from tests.builders import make_coupon, make_pack, make_seller
from tests.portal.accounts import make_account
from wallets.auto_topup import CeilingLimits, set_rule
from wallets.auto_topup import TopUpRuleRequest as TopUp
from wallets.ledger.grant import Grant
from wallets.models import Wallet
from wallets.operations.acts import GrantCredits

NOW = datetime(2026, 4, 7, 12, tzinfo=UTC)
_WORK = OneOffLine("Work", Decimal(100), date(2026, 3, 1), date(2026, 3, 1))
STAFF = ("no group", "support", "operations", "finance", "finance approver", "engineer")
KEYS = ("ingest", "read", "manage", "revenue:read", "revenue:manage")
OWN, FOREIGN = "walnut", "zebra"


def add_accounts() -> None:
    """Add the rows that the full books lack; tests find them in the database."""
    ApprovalRule.objects.filter(kind="grants").update(is_required=True)
    asks = User.objects.create(username="asks for approval", is_staff=True)
    for word in (OWN, FOREIGN):
        make_account(word)
        wallet_id = Wallet.objects.get(customer__external_id=word).pk
        act = GrantCredits(wallet_id=wallet_id, terms=Grant("bonus", Decimal(500), "thanks"), reason="Thanks")
        perform(act, by=Requester(user=asks), at=NOW)
    draft_invoice(customer=Customer.objects.get(external_id=OWN), request=OneOffRequest(), at=NOW)
    subscription = Subscription.objects.get(customer__external_id=OWN)
    apply_coupon(subscription=subscription, coupon=Coupon.objects.get(code="WELCOME"), at=NOW)
    wallet = Wallet.objects.get(customer__external_id=OWN)
    topup = TopUp(f"pack-{OWN[0]}", percent=Decimal(20), ceilings=[CeilingLimits("finance", "day", most=5)])
    set_rule(wallet_id=wallet.pk, request=topup, at=NOW)
    new_version(source=subscription.version, by=None, at=NOW)
    Plan.objects.filter(code=f"plan-{OWN[0]}").update(is_public=True)
    make_coupon(OWN.upper(), percent=10)
    make_pack(OWN)
    issue(name="Manages", scopes=["manage"], sandbox=False, by=None, at=NOW)
    tried = draft_invoice(
        customer=Customer.objects.get(external_id="acme", sandbox=True),
        request=OneOffRequest([_WORK], net_days=14),
        at=NOW,
    )
    open_page(invoice_id=issue_draft(invoice_id=tried.pk, at=NOW).pk, back_to="/portal/", at=NOW)
    start_rendering(selection=select_month(make_seller(), date(2026, 2, 1)), title="February", by=None, at=NOW)
    for kind in set(JobKind.values) - {JobKind.RENDERING}:
        Job.objects.create(kind=kind, title=f"Work of the kind {kind}", dry_run=True, created_at=NOW)
    PeriodicTask.objects.create(name="look", task="look", interval=IntervalSchedule.objects.create(every=1))
    for group in (*STAFF, "root"):
        user = User.objects.create(username=group, is_staff=True, is_superuser=group == "root")
        user.groups.set(Group.objects.filter(name=group))
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": encrypt("a key")})
        RecoveryCodes.activate(user)
    shared = {"list_name": "customers.customer", "name": "Shared", "is_shared": True}
    SavedView.objects.create(user=User.objects.get(username="root"), **shared)


@dataclass(frozen=True, slots=True)
class Actor:
    """A client that sends requests, with its cookies and headers."""

    name: str
    client: Client
    headers: dict[str, str] = field(default_factory=dict)


def nobody() -> Actor:
    return Actor("anonymous", Client())


def staff(group: str, **options: Any) -> Actor:
    """Return a staff user of a group."""
    client = Client(**options)
    client.force_login(User.objects.get(username=group))
    return Actor(group, client)


def key(scopes: tuple[str, ...], *, sandbox: bool, name: str = "") -> Actor:
    """Return a caller of the API."""
    api_key, secret = issue(name="asks", scopes=scopes, sandbox=sandbox, by=None, at=NOW)
    ApiKey.objects.filter(pk=api_key.pk).update(last_used_at=datetime(2100, 1, 1, tzinfo=UTC))
    return Actor(name or "+".join(scopes), Client(), {"Authorization": f"Bearer {secret}"})


def customer(word: str, name: str, *, role: str = "admin", **options: Any) -> Actor:
    """Return a client signed in to the portal as a contact with a role."""
    client, entered = Client(**options), Customer.objects.get(external_id=word)
    contact = entered.contacts.filter(role=role).order_by("pk").first()
    if contact is None:
        contact = entered.contacts.create(email=f"{role}@{word}.example", role=role)
    client.cookies[COOKIE] = sessions.begin(customer=entered, contact=contact, way=PortalAccessWay.MAIL, at=NOW)
    PortalSession.objects.update(seen_at=NOW)
    return Actor(name, client)


def combine_actors(*actors: Actor) -> Actor:
    """Return an actor with the credentials of several."""
    client, headers = Client(), {}
    for actor in actors:
        client.cookies.update(actor.client.cookies)
        headers |= actor.headers
    return Actor(" + ".join(actor.name for actor in actors), client, headers)


def sessions_cost_nothing(monkeypatch: Any) -> None:
    """Keep sessions in the cookie and users in memory, so that a request queries the database for neither."""
    monkeypatch.setattr(settings, "SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies")
    users = {str(user.pk): user for user in User.objects.all()}
    monkeypatch.setattr("django.contrib.auth.middleware.auth.get_user", lambda request: _user_of(request, users))


def _user_of(request: Any, users: dict[str, User]) -> Any:
    from django.contrib.auth.models import AnonymousUser

    return users.get(request.session.get("_auth_user_id", ""), AnonymousUser())
