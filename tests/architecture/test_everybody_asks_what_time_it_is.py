"""
Whoever knows a customer asks for the customer's time: `timezone.now()` in a view stands here, or it is a mistake.

docs/sandbox.md#time.
"""

import re

from config.places import PROJECT

REAL = re.compile(r"timezone\.now\(\)|database_time\(\)")

OF_NO_CUSTOMER = {
    "billing/api/simulations.py": "bulk work and simulations go by real time",
    "billing/admin/jobs/simulations.py": "bulk work and simulations go by real time",
    "billing/admin/alerts.py": "the real time that customers without a clock live in; who has seen an alert when",
    "billing/admin/caps.py": "who set or removed a cap when",
    "billing/admin/changes.py": "the real time that customers without a clock live in",
    "billing/admin/clocks.py": "who advanced a clock when",
    "billing/admin/cloning.py": "a customer is cloned in real time",
    "billing/admin/closing.py": "the page of what is closed in real time",
    "billing/admin/coupons.py": "a coupon is archived for everybody",
    "billing/admin/dashboard.py": "figures of live customers",
    "billing/admin/guardrails.py": "who set or removed a rule when",
    "billing/admin/jobs/audits.py": "jobs are started in real time",
    "billing/admin/jobs/closing_runs.py": "jobs are started in real time",
    "billing/admin/jobs/imports.py": "jobs are started in real time",
    "billing/admin/jobs/page.py": "jobs are steered in real time",
    "billing/admin/jobs/printing.py": "jobs are started in real time",
    "billing/admin/jobs/promotions.py": "jobs are started in real time",
    "billing/admin/meters.py": "a meter is tried on no customer's event",
    "billing/admin/migrating/moves.py": "bulk work is steered in real time",
    "billing/admin/migrating/page.py": "bulk work is steered in real time",
    "billing/admin/migrating/planning.py": "bulk work is steered in real time",
    "invoices/admin/sellers.py": "an invented invoice to nobody is taxed as today",
    "billing/admin/month_end.py": "months of live documents are locked in real time",
    "billing/admin/personal.py": "who erased a customer when",
    "billing/admin/periods.py": "the real time that customers without a clock live in",
    "billing/admin/reservations.py": "the real time that customers without a clock live in",
    "billing/admin/statuses.py": "what is due in real time; of a test clock nothing is for long",
    "billing/admin/unbilled.py": "replayed in real time",
    "billing/api/alerts.py": "the real time that customers without a clock live in",
    "billing/api/caps.py": "who set or removed a cap when",
    "billing/api/clocks.py": "who made or advanced a clock when",
    "billing/api/cloning.py": "a customer is cloned in real time",
    "billing/api/corrections.py": "the real time that customers without a clock live in",
    "billing/api/events.py": "the real time that customers without a clock live in",
    "billing/api/guardrails.py": "who set or removed a rule when",
    "billing/api/meters.py": "a meter is tried on no customer's event",
    "billing/api/migrations.py": "bulk work is steered in real time",
    "billing/api/personal.py": "who erased a customer when",
    "billing/api/subscription_serializers.py": "the real time that customers without a clock live in",
    "billing/api/subscriptions.py": "the real time that customers without a clock live in",
    "invoices/admin/invoices.py": "files are made in real time",
    "invoices/api/serializers.py": "a signed link ends in real time",
    "invoices/api/views.py": "files are made in real time",
    "invoices/portal/showing.py": "files are made in real time",
    "wallets/admin/packs.py": "a pack is sold to everybody",
    "wallets/api/wallets.py": "the real time that customers without a clock live in",
}


def test_views_that_read_the_real_time_say_why():
    found = set()
    for app in ("billing", "wallets", "invoices"):
        for layer in ("admin", "api", "portal"):
            for file in sorted((PROJECT / app / layer).rglob("*.py")):
                if REAL.search(file.read_text()):
                    found.add(str(file.relative_to(PROJECT)))

    assert found - set(OF_NO_CUSTOMER) == set(), "ask customers.clock.time_of for the time of the customer"
    assert set(OF_NO_CUSTOMER) - found == set(), "it reads the real time no more: leave it out of the list"
