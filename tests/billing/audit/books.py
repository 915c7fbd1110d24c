"""Books with every kind of row: usage, closed and open periods, late usage, a cancellation and more."""

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import connection

from access.approvals import Requester, approve, perform
from access.approvals.rule_change import ChangeRule
from access.audit_log import record_account_event, record_erasures, seal_changes
from access.models import ApprovalRequest, ApprovalRule, AuditFeed
from access.rate_limits.buckets import rate_limit
from access.saved_views import save_view
from access.sign_in.lock_out import FREE_FAILURES, count_try
from billing.audit.records.history import tracked_models
from billing.closing import bill_late_usage, close_due, close_period
from billing.job_kinds import KINDS
from billing.jobs.controls import do_for_real
from billing.jobs.worker import work
from billing.metering.corrections import CorrectionRequest, correct_usage
from billing.metering.dismissal import add_ignore_rule, dismiss, remove_ignore_rule, undo_dismissal
from billing.metering.imports.job import start_import
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import ReceivedEvent, event_key, parse_events
from billing.models import IgnoreRule, Subscription, UnmatchedUsage
from billing.revenue.accruals.accrual_run import accrue_all
from billing.revenue.metrics.frozen_months import freeze_recurring_revenue
from billing.simulation.cohorts import Cohort
from billing.simulation.job import start_simulation
from billing.simulation.sandbox.clones import clone
from billing.subscriptions import (
    apply_coupon,
    apply_due_pauses,
    cancel,
    change_plan,
    generate_periods,
    pause,
    redeem_code,
    remove_coupon,
    set_quantity,
    uncancel,
)
from billing.subscriptions.plan_changes.acts import PublishVersion
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from billing.subscriptions.terms.credit_grants import grant_due
from customers.api_keys.keys import issue
from customers.brand.logos import read_logo, store_logo
from customers.exchange_rates.ecb_file import PublishedRate
from customers.exchange_rates.stored_rates import import_rates
from customers.models import ApiKey, Contact, Customer, EmailTemplate, IdempotentRequest, StaffSeller
from customers.models.portal_access import PortalAccessWay
from customers.notifications import announce, webhook_endpoints
from customers.notifications.fan_out import fan_out
from customers.portal_auth import magic_links, sessions
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.documents.locked_months import lock_month, unlock_month
from invoices.documents.staff_notes import add_note
from invoices.models import Invoice, InvoiceLabels, Rendering
from invoices.payments.manual_payments import PAYABLE, record_payment
from lib import sql
from lib.currencies import CREDITS
from lib.label_changes import set_labels
from plans.models import PlanVersion, Price, Promotion, PromotionCode
from plans.publishing.publication import new_version, publish, publish_due
from tests.billing.audit.accounting_books import export_books
from tests.billing.audit.alert_books import add_alert_rules
from tests.billing.audit.one_off_books import bill_one_off
from tests.billing.audit.payment_books import collect
from tests.billing.audit.prepaid_books import prepay
from tests.billing.audit.removal_books import remove_events, remove_history, rename_contact
from tests.billing.metering.ingest.ingest_setup import calls, tokens
from tests.billing.plan_migrations.migration_setup import make_version, planned, roll_back
from tests.billing.plan_migrations.migration_setup import run as run_migration
from tests.billing.plan_migrations.migration_setup import use as migrated_use
from tests.builders import (
    FEB,
    JAN,
    MAR,
    add_commitment,
    add_override,
    cap,
    commitment,
    fee,
    included,
    make_clock,
    make_cost,
    make_coupon,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    make_tax,
    offer,
    rate,
    subscribe,
    tier,
)
from tests.customers.pictures import picture
from tests.owner_rights import past_triggers
from wallets.ledger.grant import Grant
from wallets.ledger.spend import spend
from wallets.models import Wallet
from wallets.operations.acts import GrantCredits

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CALLS = [tier(3, "0.10"), tier(None, "0.05", "1")]


def make_books() -> None:
    """Create three months of business of two sellers, only by the product's own operations."""
    make_tax("19", country="DE")
    make_tax("0")
    logo = store_logo(read_logo(picture("PNG")))
    make_seller("other", legal_name="Other Inc.", time_zone="Asia/Kolkata", zero_invoices="issue", logo=logo)
    pro, team = _plans()
    acme = subscribe(make_customer("acme", country="DE", time_zone="Europe/Berlin"), pro)
    _change_quantities(acme)
    _subscribe_others(acme, pro, team)
    key, _ = issue(name="Backend", scopes=["ingest", "read"], sandbox=False, by=None, at=NOW)
    _use(acme)
    prepay()
    _include_credits()
    for kind, value in (("included", 3), ("minimum", 2), ("percent", -10), ("maximum", 900)):
        add_override(acme, "calls", kind, value, at=JAN, starts_at=JAN, ends_at=None if kind == "percent" else MAR)
    _move_in_mid_period()
    _leave_early()
    _migrate()
    dearer = new_version(source=team, by=None, at=JAN)
    publish_for(version=dearer, audience="all", by=None, at=JAN, effective_from=FEB)
    roll_out(at=JAN)
    publish_due(at=FEB)
    cap(acme, 500, feature="calls", action="throttle", per_minute=60, at=JAN)
    apply_due_pauses(at=NOW)
    generate_periods(until=NOW)
    apply_due_changes(at=NOW)
    _correct("a1-sample", "a0-tokens", "bad", by=User.objects.create(username="olga"))
    grant_due(at=NOW)
    close_due(at=NOW)
    _use_late()
    _correct("a4-sample", "g4-call", replaced=False, api_key_id=key.pk)
    close_due(at=datetime(2026, 4, 2, tzinfo=UTC))
    bill_late_usage(at=datetime(2026, 4, 2, tzinfo=UTC))
    _send("acme", "last", days_ago=0, at=datetime(2026, 4, 5, tzinfo=UTC))
    _send("acme", "late for good", days_ago=40, at=datetime(2026, 4, 5, tzinfo=UTC))
    _credit()
    bill_one_off(_record)
    collect()
    roll_out(at=datetime(2026, 4, 5, tzinfo=UTC))
    _dismiss()
    _add_what_surrounds(key)
    _import()
    accrue_all(at=datetime(2026, 4, 5, tzinfo=UTC))
    _lock()
    export_books()
    _simulate(team)
    remove_events()
    rename_contact()
    _date_back()
    grant_due(at=datetime(2026, 4, 5, tzinfo=UTC))
    for _ in range(FREE_FAILURES):
        count_try(name="olga", address="203.0.113.9", at=datetime(2026, 4, 5, tzinfo=UTC))
    rate_limit("sign-in").take("203.0.113.9")
    _request_approvals()
    olga = User.objects.get(username="olga")
    record_account_event("signed_in", request=None, user=olga, way="password")
    olga.groups.add(Group.objects.earliest("pk"))
    olga.user_permissions.add(Permission.objects.earliest("pk"))
    seal_changes(at=datetime(2026, 4, 6, tzinfo=UTC))
    _erase_a_change()
    remove_history(at=datetime(2026, 4, 6, tzinfo=UTC))
    seal_changes(at=datetime(2026, 4, 6, tzinfo=UTC))


def _erase_a_change() -> None:
    """Erase the content of a sealed change that a later one has replaced."""
    with past_triggers():
        sql.execute(
            "UPDATE plans_planversionevent SET note = 'erased' WHERE pgh_id = ("
            "SELECT min(pgh_id) FROM plans_planversionevent GROUP BY pgh_obj_id HAVING count(*) > 1 LIMIT 1)"
        )
        record_erasures(at=datetime(2026, 4, 6, tzinfo=UTC))


def _request_approvals() -> None:
    """Grant within a limit, and request and approve a grant above it; the audit log was never sent."""
    AuditFeed.objects.create(pk=1)
    at = datetime(2026, 4, 5, tzinfo=UTC)
    fiona, paul = User.objects.create_superuser("fiona"), User.objects.create_superuser("paul")
    wallet = Wallet.objects.filter(closed_at__isnull=True, customer__sandbox=False).earliest("pk")
    limits = {wallet.unit: Decimal(5)}
    rule = ChangeRule(rule_kind="grants", is_required=True, limits=limits, user_id=fiona.pk)
    perform(rule, by=Requester(user=fiona), at=at)
    for amount in (5, 7):
        terms = Grant("bonus", Decimal(amount), f"thanks:{amount}")
        outcome = perform(GrantCredits(wallet_id=wallet.pk, terms=terms, reason=""), by=Requester(user=fiona), at=at)
    assert isinstance(outcome, ApprovalRequest)
    approve(request_id=outcome.pk, by=paul, at=at, decision="Agreed")


def _dismiss() -> None:
    """Dismiss a report of unmatched usage and undo that, dismiss another one, and add and remove ignore rules."""
    olga, at = User.objects.get(username="olga"), datetime(2026, 4, 5, tzinfo=UTC)
    first, second = UnmatchedUsage.objects.open().order_by("pk").values_list("pk", flat=True)[:2]
    for report_id in (first, second):
        dismiss(report_ids=[report_id], reason="load test", at=at, by=olga)
    undo_dismissal(report_ids=[first], at=at, by=olga)
    reasons = UnmatchedUsage.objects.open().filter(sandbox=False).values_list("reason", flat=True)
    for reason in sorted(set(reasons)):
        add_ignore_rule(unmatched_reason=reason, reason="retired", at=at, by=olga)
    remove_ignore_rule(rule=IgnoreRule.objects.latest("pk"), at=at, by=olga)


FEBRUARY = 2


def _lock() -> None:
    """Lock two months with their recurring revenue, and unlock one of them."""
    at = datetime(2026, 4, 6, tzinfo=UTC)
    for month in (date(2026, 2, 1), date(2026, 3, 1)):
        month_lock = lock_month(seller=make_seller(), month=month, checklist=[], note="as agreed", by=None, at=at)
        freeze_recurring_revenue(lock=month_lock)
        if month.month == FEBRUARY:
            unlock_month(lock_id=month_lock.pk, reason="forgot one", by=User.objects.first(), at=at)


def _migrate() -> None:
    """Migrate two customers in the middle of a month; roll one of them back after its first part was billed."""
    old, new = make_version("plain", included=1), make_version("plainer", "0.20")
    noon = JAN + timedelta(days=14, hours=12)
    for name in ("goes", "returns"):
        subscription = subscribe(make_customer(name), old)
        close_period(period_id=subscription.periods.get(kind="opening").pk, at=JAN)
        migrated_use(subscription, 3, JAN + timedelta(days=9), event="api.call")
        migration = planned(new, plan="plain", ids=[name], at=noon)
        run_migration(migration, at=noon)
        migrated_use(subscription, 2, noon + timedelta(hours=1), event="api.call")
    close_period(period_id=subscription.periods.get(ends_at=noon).pk, at=noon + timedelta(hours=2))
    roll_back(migration, at=noon + timedelta(hours=3))


def _include_credits() -> None:
    """Give two customers credits included in their plan; one of them leaves in the middle of a month."""
    credits = [
        included(500, rolls_over=2, rollover_most=Decimal(200), features="runs"),
        included(50, code="welcome", every="once", lasts="days", days=30),
        included("2.5", code="money", unit="USD", every="month", lasts="ever"),
    ]
    runs = offer(make_feature("runs"), rates=[rate(1)], currency=CREDITS, consumption="credits")
    gifts = publish(version=make_plan("gifts", fees=[fee("3")], offers=[runs], credits=credits), by=None, at=JAN)
    subscribe(make_customer("stays"), gifts, JAN + timedelta(days=9), trial_days=7)
    leaves = subscribe(make_customer("leaves", sandbox=True), gifts)
    spend(wallet_id=Wallet.objects.get(customer__external_id="leaves", unit="USD").pk, **_SOME)
    cancel(subscription=leaves, at=JAN + timedelta(days=12), ends_at=JAN + timedelta(days=12))


_SOME: dict[str, Any] = {"amount": Decimal(2), "reference": "some", "at": JAN + timedelta(days=2)}


LIMITS = (
    {"kind": "quota", "most": Decimal(1_000), "window_unit": "hour", "window_count": 5, "window_start": "first_use"},
    {"kind": "quota", "most": Decimal(500), "window_unit": "day", "after": "slow", "slow_to": Decimal(50)},
    {"kind": "throttle", "most": Decimal(100), "counts": "events"},
)


def _plans() -> tuple[PlanVersion, PlanVersion]:
    storage = make_feature(
        "storage",
        meter=make_meter("storage", event_name="stored", aggregation="sum", value_property="gb", rounding="up"),
    )
    offers = [
        offer(calls(), included=2, rates=[rate(tiers=CALLS)], limits=LIMITS),
        offer(tokens(), included=1000, rates=_token_rates()),
        offer(storage, included=5, consumption="hard_cap"),
        offer(make_feature("support", kind="static"), static_value="24 h"),
        *_metered_offers(),
    ]
    fees = [fee("19.99"), fee("5", label="License", billed="arrears"), fee("50", kind="one_time"), *_seat_fees()]
    draft = make_plan("pro", fees=fees, offers=offers, commitments=[commitment(5_000, periods=2)])
    Price.objects.filter(plan_feature__feature__code="worth.yearly").update(resets_unit="year")
    pro = publish(version=draft, by=None, at=JAN)
    team = make_plan(
        "team",
        offers=[offer(calls(), rates=[rate("0.5", model="package", package_size=10)])],
        commitments=[commitment("0.75", factor=3, discount=20)],
        anchor="anniversary",
    )
    publish(version=team, by=None, at=JAN)
    later = new_version(source=pro, by=None, at=NOW)
    publish_for(version=later, audience="all", by=None, at=NOW, effective_from=NOW + timedelta(days=60))
    asker = User.objects.create_user("asker")
    rules = ApprovalRule.objects.filter(kind="price_changes")
    rules.update(is_required=True)
    act = PublishVersion(version_id=new_version(source=later, by=None, at=NOW).pk, audience="new")
    perform(act, by=Requester(user=asker), at=NOW, reason="Inflation")
    rules.update(is_required=False)
    pro.refresh_from_db()
    return pro, team


def _move_in_mid_period() -> None:
    """Migrate two subscriptions in mid-period; one of them can't be split, and moves at its next period."""
    level = make_feature("disk", meter=make_meter("disk", aggregation="max", value_property="gb"))
    for code, offers in (("steady", []), ("disk", [offer(level, rates=[rate("1")])])):
        draft = make_plan(code, fees=[fee("31")], offers=offers)
        former = publish(version=draft, by=None, at=JAN)
        subscribe(make_customer(code), former)
        dearer = new_version(source=former, by=None, at=JAN)
        moment = JAN + timedelta(days=10)
        publish_for(version=dearer, audience="all", by=None, at=JAN, effective_from=moment, splits_periods=True)
    roll_out(at=JAN)
    publish_due(at=moment)
    split_due_periods(at=moment)


def _leave_early() -> None:
    """
    Let two customers leave in the middle of a month that they paid for, one of whom returns, and two customers pause.
    """
    fees = [
        fee("31"),
        fee("7.50", code="desk", label="Desks", basis="seat", least=1),
        fee("730", label="Key", every=12),
    ]
    fees.append(fee("90", label="Support", billed="arrears", every=3))
    paid = publish(version=make_plan("paid", fees=fees, offers=[]), by=None, at=JAN)
    _share(paid)
    for code, give_back in (("leaver", "credit"), ("returner", "refund")):
        subscription = subscribe(make_customer(code), paid)
        close_period(period_id=subscription.periods.get(kind="opening").pk, at=JAN)
        ends_at = JAN + timedelta(days=10)
        cancel(subscription=subscription, at=JAN, ends_at=ends_at, give_back=give_back)
    uncancel(subscription=subscription, at=JAN)
    cancel(subscription=subscription, at=JAN, ends_at=FEB + timedelta(days=14))
    close_period(period_id=subscription.periods.get(starts_at=JAN, kind="regular").pk, at=FEB)
    uncancel(subscription=subscription, at=FEB)
    for code, ends_at in (("sleeper", FEB + timedelta(days=5)), ("dormant", None)):
        subscription = subscribe(make_customer(code), paid)
        close_period(period_id=subscription.periods.get(kind="opening").pk, at=JAN)
        pause(subscription=subscription, at=JAN + timedelta(days=10), ends_at=ends_at, reason="Closed for the season")


def _share(paid: PlanVersion) -> None:
    """Let three subscriptions share invoices, two of them on the same version, and one with a coupon."""
    customer = make_customer("joint", country="DE", one_document=True)
    team = PlanVersion.objects.get(plan__code="team", state="live", number=1)
    first_subscription, *_ = (
        subscribe(customer, version, external_id=f"joint-{n}", named=True)
        for n, version in enumerate((paid, paid, team))
    )
    apply_coupon(subscription=first_subscription, coupon=make_coupon("JOINT", percent=15, duration="forever"), at=JAN)
    shared = make_coupon("SHARED", amount=40, duration="periods", periods=3, carries_over=True, plans=["paid"])
    PromotionCode.objects.create(code="TOGETHER", coupon=shared, is_for_customer=True, most_redemptions=10)
    redeem_code(code="TOGETHER", customer=customer, at=JAN)
    set_quantity(
        subscription=first_subscription,
        fee_code="desk",
        quantity=3,
        at=JAN,
        since=JAN + timedelta(days=5),
        reason="asked",
    )


def _seat_fees() -> list[dict[str, Any]]:
    """Return fees for seats, one of which is included in the plan, and for add-ons."""
    return [
        fee("7.50", label="Seats", basis="seat", included=1, least=1, most=50),
        fee("3", label="Backups", basis="add_on", billed="arrears"),
        fee("100", label="Training", basis="add_on", kind="one_time"),
    ]


def _change_quantities(subscription: Subscription) -> None:
    """Add and remove seats, also at a future time, and buy add-ons in mid-period."""
    changes = [("seats", 4, 10), ("seats", 2, 25), ("backups", 1, 12), ("training", 2, 40), ("seats", 3, 75)]
    for code, quantity, days in changes:
        since = JAN + timedelta(days=days)
        set_quantity(subscription=subscription, fee_code=code, quantity=quantity, at=JAN, since=since, reason="asked")


def _metered_offers() -> list[dict[str, Any]]:
    """Return features metered by every aggregation other than a sum, and priced by more than a quantity."""
    peak = make_meter("peak", event_name="sampled", aggregation="max", value_property="load")
    space = make_meter(
        "space",
        event_name="sampled",
        aggregation="weighted_sum",
        value_property="gb",
        measures="levels",
        recurring=True,
    )
    seats = make_meter(
        "seats",
        event_name="sampled",
        aggregation="unique",
        value_property="user",
        operation_property="op",
        recurring=True,
    )
    held = make_meter(
        "held",
        event_name="sampled",
        aggregation="unique",
        value_property="user",
        operation_property="op",
        recurring=True,
        held_by="second",
    )
    orders = make_meter(
        "orders", event_name="sampled", aggregation="sum", value_property="worth", price_property="cost"
    )
    work = make_meter("work", event_name="sampled", aggregation="sum", expression="load / 3 + gb")
    make_cost(work, "0.25", valid_to=JAN + timedelta(days=20), note="list price")
    make_cost(work, "0.3", since=JAN + timedelta(days=25))
    share = rate(model="percentage", percent=Decimal(2), free_events=1, match={})
    at_cost = rate(model="dynamic", cost_source="unit_cost", markup=Decimal("1.25"))
    passed_on = rate(model="dynamic", markup=Decimal("1.5"))
    return [
        offer(make_feature("peak", meter=peak), rates=[rate("3")]),
        offer(make_feature("space", meter=space), rates=[rate("0.25")]),
        offer(make_feature("seats", meter=seats), rates=[rate("4")]),
        offer(make_feature("held", meter=held), rates=[rate("0.5")]),
        offer(make_feature("work", meter=work), rates=[rate("0.1")], price={"split_by": "user", "split_bound": 2}),
        offer(make_feature("orders", meter=orders), rates=[share]),
        offer(make_feature("costs", meter=orders), rates=[passed_on]),
        offer(make_feature("worth.yearly", meter=orders), included=150, rates=[rate("0.01")]),
        offer(make_feature("work at cost", meter=work), rates=[at_cost]),
    ]


def _token_rates() -> list[dict[str, Any]]:
    return [
        rate("0.002", label="gpt output", match={"model": "gpt", "type": "output"}),
        rate("0.001", label="gpt", match={"model": "gpt"}),
        rate(tiers=[tier(500, "0.0005"), tier(None, "0.0004")], model="volume"),
    ]


def _subscribe_others(acme: Subscription, pro: PlanVersion, team: PlanVersion) -> None:
    subscribe(acme.customer, team, starts_at=JAN + timedelta(days=30), external_id="team-a", named=True)
    Promotion.objects.create(coupon=make_coupon("WELCOME", percent=10), plan=team.plan, starts_at=JAN)
    add_commitment(acme, 900, at=JAN + timedelta(days=40), starts_at=FEB, periods=2, overage_factor=Decimal(2))
    spring = make_coupon("SPRING", amount=5, duration="periods", periods=2, fees=["base-fee"], features=["api.calls"])
    apply_coupon(subscription=acme, coupon=spring, at=JAN + timedelta(days=40))
    remove_coupon(redemption=acme.redemptions.get(), at=JAN + timedelta(days=75), reason="by mistake")
    other = make_customer("globex", seller=make_seller("other"), time_zone="Asia/Kolkata")
    subscribe(other, team, starts_at=JAN + timedelta(days=9))
    canceled = subscribe(make_customer("initech", tax_exemption="reverse charge"), pro)
    cancel(subscription=canceled, at=JAN + timedelta(days=40), ends_at=JAN + timedelta(days=50))
    subscribe(make_customer("acme", sandbox=True), pro)
    subscribe(make_customer("hooli", seller=make_seller("again", late_usage="reissue")), pro)
    subscribe(make_customer("umbrella"), pro)
    subscribe(make_customer("trying"), team, starts_at=JAN + timedelta(days=9), trial_days=20)
    _change(subscribe(make_customer("mover"), team, starts_at=JAN + timedelta(days=9)))


def _change(subscription: Subscription) -> None:
    """Use some calls at the tiers of one version, then change to a version with other tiers."""
    by_key = {"split_by": "key", "allowance_per_value": True}
    ladder = publish(
        version=make_plan("ladder", offers=[offer(calls(), included=3, rates=[rate(tiers=CALLS)], price=by_key)]),
        by=None,
        at=JAN,
    )
    dearer = publish(version=new_version(source=ladder, by=None, at=JAN), by=None, at=JAN + timedelta(days=1))
    for moment, version in ((JAN + timedelta(days=20), ladder), (JAN + timedelta(days=25), dearer)):
        for number in range(6):
            used_at = moment - timedelta(hours=number + 1)
            event = {"id": f"m{used_at}", "customer": "mover", "event": "api.call", "timestamp": used_at.isoformat()}
            _record([event | {"properties": {"key": number % 2 or None}}], at=moment)
        change_plan(subscription=subscription, version=version, at=moment)


def _use(acme: Subscription) -> None:
    for number in range(6):
        _send("acme", f"a{number}", days_ago=number * 11, at=NOW)
        _send("globex", f"g{number}", days_ago=number * 9, at=NOW)
    _send("acme", "team", days_ago=3, at=NOW, subscription="team-a")
    _send("acme", "sandbox", days_ago=3, at=NOW, sandbox=True)
    _send("hooli", "in time", days_ago=45, at=NOW)
    _tokens("umbrella", "counted", 500_000)
    _send("initech", "before the end", days_ago=30, at=NOW)
    _send("initech", "after the end", days_ago=3, at=NOW)
    _send("nobody", "unknown", days_ago=1, at=NOW)
    _record([{"id": "odd", "customer": "acme", "event": "never.heard"}], at=NOW)
    _record([{"id": "bad", "customer": "acme", "event": "stored", "properties": {"gb": "much"}}], at=NOW)
    _record([{"id": "now", "customer": "acme", "event": "api.call"}], at=NOW)
    cloud = {"specversion": "1.0", "id": "now", "source": "/edge", "type": "stored", "subject": "acme"}
    _record([{**cloud, "data": {"gb": 7.5}}], at=NOW)


def _use_late() -> None:
    _send("acme", "late", days_ago=33, at=NOW + timedelta(days=1))
    _send("globex", "late", days_ago=50, at=NOW + timedelta(days=1))
    _send("hooli", "late", days_ago=46, at=NOW + timedelta(days=1))
    _tokens("umbrella", "less", -400_000)


def _credit() -> None:
    """Credit part of an invoice of a customer who pays two taxes, and another customer's whole invoice."""
    at = datetime(2026, 4, 5, tzinfo=UTC)
    taxed = Invoice.objects.filter(tax__gt=0, reference__startswith="period:").order_by("id").first()
    for amount in ("3.33", "0.50"):
        issue_credit_note(
            invoice_id=taxed.pk, lines=[RequestedCredit(1, Decimal(amount))], reason="Goodwill", to="balance", at=at
        )
    for amount in (Decimal("2.50"), taxed.left - Decimal(10)):
        record_payment(invoice_id=taxed.pk, amount=amount, method="manual", reference=f"bank {amount}", at=at)
    other = Invoice.objects.filter(
        tax=0, total__gt=0, kind="invoice", sandbox=False, reference__startswith="period:"
    ).latest("id")
    issue_credit_note(invoice_id=other.pk, lines=None, reason="Sent to the wrong company", to="offset", at=at)


def _correct(*ids: str, replaced: bool = True, **who: Any) -> None:
    """Void these events; replace the first of them, unless `replaced` is False, by one with another day and value."""
    at = NOW + timedelta(days=2)
    body = {"id": f"{ids[0]}-new", "customer": "acme", "event": "sampled", "properties": _sample(7)}
    new = _read([body | {"timestamp": (at - timedelta(days=20)).isoformat()}], at=at)
    wanted = [CorrectionRequest(0, id_, "", event_key(id_, source="", sandbox=False), "sent twice") for id_ in ids]
    if replaced:
        wanted[0] = replace(wanted[0], replacement=new[0])
    outcomes = correct_usage(corrections=wanted, sandbox=False, at=at, **who)
    assert {outcome.status for outcome in outcomes} == {"accepted"}


def _tokens(customer: str, id_: str, tokens: int) -> None:
    """Send this many tokens of January; a negative number takes tokens back."""
    properties = {"status": "ok", "prompt_tokens": tokens, "completion_tokens": 0, "model": "gpt"}
    event = {"id": id_, "customer": customer, "event": "llm.request", "timestamp": "2026-01-20T10:00:00Z"}
    _record([event | {"properties": properties}], at=NOW)


def _send(customer: str, id_: str, *, days_ago: int, at: datetime, sandbox: bool = False, **fields: Any) -> None:
    """Send a call, a request of tokens and some storage of the same time."""
    moment = (at - timedelta(days=days_ago)).isoformat()
    common = {"customer": customer, "timestamp": moment, **fields}
    properties = {"status": "ok", "prompt_tokens": 700 + days_ago, "completion_tokens": "12.5"}
    model = "gpt" if days_ago % 2 else "claude"
    events = [
        {"id": f"{id_}-call", "event": "api.call", **common},
        {"id": f"{id_}-tokens", "event": "llm.request", "properties": {**properties, "model": model}, **common},
        {"id": f"{id_}-storage", "event": "stored", "properties": {"gb": 1.25}, **common},
        {"id": f"{id_}-sample", "event": "sampled", "properties": _sample(days_ago), **common},
    ]
    _record(events, at=at, sandbox=sandbox)


def _sample(number: int) -> dict[str, Any]:
    """Return a load, a level, a seat added or removed, and an order with its cost."""
    seat = {"user": f"user {number % 4}", "op": "remove" if number % 3 == 2 else "add"}
    return {"load": number + 0.5, "gb": 10 + number, "worth": 100 + number, "cost": "0.125", **seat}


def _record(events: list[dict[str, Any]], *, at: datetime, sandbox: bool = False) -> None:
    record_events(events=_read(events, at=at, sandbox=sandbox), sandbox=sandbox, at=at)


def _read(events: list[dict[str, Any]], *, at: datetime, sandbox: bool = False) -> list[ReceivedEvent]:
    body = json.dumps(events).encode()
    received, refused, _ = parse_events(body, sandbox=sandbox, at=at, oldest=JAN, newest=at + timedelta(hours=1))
    assert not refused
    return received


def _import() -> None:
    """Import a file with one row that is no event, and upload another that is not processed yet."""
    rows = ["id,customer,event,timestamp", *(f"i{n},acme,api.call,2026-04-0{n}T10:00:00Z" for n in (1, 2)), ",,,"]
    at, sent = datetime(2026, 4, 5, tzinfo=UTC), {"format_": "csv", "names": {}, "id_from": [], "sandbox": False}
    jobs = [
        start_import(file=io.BytesIO("\n".join(rows).encode()), file_name=name, by=None, at=at, **sent)
        for name in ("april.csv", "again.csv")
    ]
    work(kinds=KINDS, clock=lambda: at, job_id=jobs[0].pk)
    do_for_real(job_id=jobs[0].pk, by=None, at=at)
    work(kinds=KINDS, clock=lambda: at, job_id=jobs[0].pk)


def _simulate(version: PlanVersion) -> None:
    """Simulate a version on the last month of its subscriptions."""
    at = datetime(2026, 4, 5, tzinfo=UTC)
    job = start_simulation(versions=[version], cohort=Cohort(plan_id=version.plan_id), periods=1, by=None, at=at)
    work(kinds=KINDS, clock=lambda: at, job_id=job.pk)
    assert version.rehearsals.exists()


def _add_what_surrounds(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=NOW)
    IdempotentRequest.objects.create(
        api_key=key, key="k1", request_sha256=sha256(b"").hexdigest(), status=201, body="{}", created_at=NOW
    )
    of_periods = Invoice.objects.filter(reference__startswith="period:", state__in=PAYABLE, total__gt=0)
    for invoice in of_periods.order_by("id")[:3]:
        content = f"%PDF of {invoice}".encode()
        Rendering.objects.create(
            invoice=invoice, content=content, sha256=sha256(content).hexdigest(), rendered_at=NOW
        )
    record_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="in cash", at=NOW)
    add_alert_rules()
    make_customer("tries", sandbox=True, test_clock=make_clock(NOW + timedelta(days=365)))
    clone(source=Customer.objects.get(external_id="stays"), periods=1, at=NOW, by=None)
    for row in (invoice.customer, Subscription.objects.earliest("pk"), InvoiceLabels(invoice=invoice)):
        set_labels(row, metadata={"crm_id": "0061k"}, tags=["pilot"], at=NOW)
    author = User.objects.get_or_create(username="nora", defaults={"is_staff": True})[0]
    add_note(invoice_id=invoice.pk, text="They pay on the 27th.", at=NOW, by=author)
    _notify(invoice.customer)


def _notify(customer: Customer) -> None:
    """Send events to two webhook endpoints, a contact and an account owner, and a test event to an endpoint."""
    EmailTemplate.objects.create(kind="invoice.paid", language="de", subject="Danke", body="Danke.")
    import_rates([PublishedRate(date(2026, 1, 30), "USD", Decimal("1.0811"))], at=NOW)
    bea = Contact.objects.create(customer=customer, email="bea@customer.example")
    magic_links.create_link(customer=customer, contact=bea, way=PortalAccessWay.PRODUCT, at=NOW)
    sessions.begin(customer=customer, contact=bea, way=PortalAccessWay.PRODUCT, at=NOW)
    Contact.objects.create(customer=make_customer(), email="bob@customer.example")
    customer.owner = User.objects.create(username="otto", email="otto@tollbook.example", is_staff=True)
    customer.save(update_fields=["owner"])
    StaffSeller.objects.create(user=customer.owner, seller=customer.seller)
    save_view(user=customer.owner, list_name="invoices.invoice", name="Mine", query="q=INV", columns=["name"])
    ours, _ = webhook_endpoints.create(url="https://example.com/ours", by=customer.owner)
    webhook_endpoints.rotate(endpoint=ours, overlap=timedelta(days=1), at=NOW)
    webhook_endpoints.create(url="https://example.com/theirs", kinds=["invoice.paid"], by=None)
    for kind in ("invoice.paid", "alert.fired"):
        announce(kind=kind, customer_id=customer.pk, facts={}, key=kind, at=NOW)
    fan_out(at=NOW)
    webhook_endpoints.send_test(endpoint=ours, at=NOW)


def _date_back() -> None:
    """
    Move the creation dates and history of all rows of today to January, in the same order.

    The operations get the time as an argument, but creation dates and history use the clock's.
    """
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("SELECT now() - %s", [JAN])
        (passed,) = cursor.fetchone()
        for model, history, columns in tracked_models():
            cursor.execute(f"UPDATE {history._meta.db_table} SET pgh_created_at = pgh_created_at - %s", [passed])  # noqa: S608
            if "created_at" in columns and model is not Invoice:
                for table in (model._meta.db_table, history._meta.db_table):
                    cursor.execute(f"UPDATE {table} SET created_at = created_at - %s", [passed])  # noqa: S608
