"""The built-in groups and their permissions. Permissions that an administrator adds to them are never removed."""

from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions

APPS = ("access", "plans", "customers", "invoices", "wallets", "billing", "django_celery_beat")

EVERYTHING_SEEN = [
    "access.approvalrequest approvalrule approvallimit",
    "customers.customer testclock seller apikey contact webhookendpoint delivery notification emailtemplate",
    "customers.exchangerate",
    "plans.plan planversion planfeature price rate tier fee commitment billingthreshold includedcredits usagelimit"
    " feature meter meterreading unitcost",
    "plans.coupon promotion promotioncode creditpack packprice bonusslab publishingrule",
    "plans.requiredsimulation",
    "billing.subscription override subscriptioncommitment spendcap redemption scheduledchange rollout period "
    "unmatchedusage dismissal ignorerule",
    "billing.reservation alertrule alert",
    "billing.event correction job planmigration migrationitem simulationresult",
    "invoices.invoice line invoicetax payment taxrate numberseries rendering monthlock",
    "invoices.paymentattempt refund balanceentry customerbalance paymentmethod payeraccount providerevent",
    "invoices.merchantaccount",
    "invoices.dunningstep dunningact",
    "wallets.wallet lot transaction entry purchase topuprule topupceiling topup",
]
BOOKS = [
    "billing.posting recurringrevenue accountingtarget account accountmapping exportbatch synctarget syncrecord",
    "billing.droptarget",
    "wallets.breakagerate",
    "invoices.writeoff",
]
"""Revenue, which engineers and support don't see."""
BANK = ["invoices.bankaccount bankstatement bankline bankbooking"]
"""Payments as the bank reports them, with names and accounts of payers, which engineers and support don't see."""
MAPPED = ["billing.accountingtarget account accountmapping exportbatch"]

PRICES = [
    "plans.plan planversion planfeature price rate tier fee commitment billingthreshold includedcredits usagelimit"
    " unitcost",
    "plans.coupon promotion promotioncode creditpack packprice bonusslab",
]
AGREED = "billing.subscription override subscriptioncommitment spendcap redemption alertrule"
MEASURES = ["plans.feature meter meterreading"]

GROUPS: dict[str, list[tuple[str, list[str]]]] = {
    "finance": [
        ("view", [*EVERYTHING_SEEN, *BOOKS, *BANK]),
        ("add change", [*MAPPED, "billing.synctarget droptarget"]),
        ("change", ["billing.syncrecord"]),
        ("delete", ["billing.account accountmapping"]),
        ("add change delete", [*PRICES, *MEASURES]),
        ("publish", ["plans.planversion"]),
        ("simulate", ["billing.price"]),
        ("add change", ["customers.customer seller contact", AGREED, "invoices.taxrate"]),
        ("add change", ["customers.testclock"]),
        ("erase", ["customers.customer"]),
        ("add", ["customers.portallink"]),
        ("delete", ["invoices.taxrate", "customers.contact"]),
        ("change", ["billing.scheduledchange", "billing.reservation", "billing.alert", "invoices.rendering"]),
        ("close", ["billing.period"]),
        ("correct import", ["billing.event"]),
        ("add run", ["billing.planmigration"]),
        ("issue", ["invoices.creditnote"]),
        ("record collect", ["invoices.payment"]),
        ("import", ["invoices.bankstatement"]),
        ("pay", ["invoices.refund"]),
        ("add change delete", ["invoices.dunningstep"]),
        ("add change delete", ["customers.emailtemplate"]),
        ("add", ["customers.exchangerate", "invoices.merchantaccount"]),
        ("claim write_off label", ["invoices.invoice"]),
        ("share", ["access.savedview"]),
        ("add change", ["wallets.wallet"]),
        ("grant transfer buy", ["wallets.credits"]),
        ("refund void extend", ["wallets.lot"]),
        ("add change delete", ["wallets.topuprule topupceiling"]),
    ],
    "finance approver": [
        ("view", [*EVERYTHING_SEEN, *BOOKS, *BANK]),
        (
            "approve",
            [
                "access.credit_notes refunds write_offs grants manual_payments overrides unlocked_months"
                " price_changes plan_migrations approval_rules",
            ],
        ),
        ("change", ["access.approvalrule"]),
        ("add change change_past", ["billing.accountmapping"]),
        ("publish", ["plans.planversion"]),
        ("simulate", ["billing.price"]),
        ("change", ["plans.publishingrule"]),
        ("close", ["billing.period"]),
        ("lock unlock", ["invoices.month"]),
        ("add", ["wallets.breakagerate"]),
    ],
    "operations": [
        ("view", [*EVERYTHING_SEEN, "django_celery_beat.periodictask"]),
        ("add change", ["customers.customer testclock apikey contact webhookendpoint", AGREED]),
        ("delete", ["customers.contact"]),
        ("add", ["customers.portallink"]),
        (
            "change",
            ["billing.scheduledchange", "billing.reservation", "billing.unmatchedusage", "invoices.rendering"],
        ),
        ("label", ["invoices.invoice"]),
        ("share", ["access.savedview"]),
        ("add change", ["billing.ignorerule"]),
        ("view", ["billing.synctarget syncrecord droptarget"]),
        ("change", ["customers.delivery", "billing.alert", "billing.syncrecord"]),
        ("close", ["billing.period"]),
        ("correct import", ["billing.event"]),
        ("add run", ["billing.planmigration"]),
    ],
    "support": [("view", EVERYTHING_SEEN), ("add", ["customers.portallink"])],
    "engineer": [
        ("view", [*EVERYTHING_SEEN, "django_celery_beat.periodictask"]),
        ("add change delete", MEASURES),
        ("add change", ["customers.apikey webhookendpoint testclock"]),
        (
            "change",
            ["customers.delivery", "billing.unmatchedusage", "invoices.rendering", "django_celery_beat.periodictask"],
        ),
    ],
}
"""Group → (verbs, “app.model model …”). A model's permission is named verb_model, as in Django."""


def write(apps: Apps, schema_editor: Any = None) -> None:
    """
    Create the groups, and add missing permissions. Safe to repeat.

    Called by migrations, one for each release that adds models or groups. Django creates the permissions only after
    all migrations, so this creates them first.

    :raises KeyError: if a permission does not exist, so that a renamed model cannot silently remove permissions.
    """
    for label in APPS:
        app = apps.get_app_config(label)
        # The app of a migration's state has no models module, and create_permissions would skip it.
        app.models_module = getattr(app, "models_module", None) or True  # type: ignore[assignment]  # anything
        create_permissions(app, apps=apps, verbosity=0)
    known = _permissions(apps)
    group_model = apps.get_model("auth", "Group")
    for name, rights in GROUPS.items():
        group, _ = group_model.objects.get_or_create(name=name)
        group.permissions.add(*(known[right] for right in permission_pairs(rights)))


def permission_pairs(rights: list[tuple[str, list[str]]]) -> list[tuple[str, str]]:
    """Return permissions as (app, codename) pairs."""
    pairs = []
    for verbs, models in rights:
        for line in models:
            app, names = line.split(".")
            pairs += [(app, f"{verb}_{name}") for verb in verbs.split() for name in names.split()]
    return pairs


def _permissions(apps: Apps) -> dict[tuple[str, str], int]:
    rows = apps.get_model("auth", "Permission").objects.filter(content_type__app_label__in=APPS)
    return {(app, code): pk for pk, app, code in rows.values_list("pk", "content_type__app_label", "codename")}
