"""
Code that knows a customer uses the customer's time: every `timezone.now()` in a view is listed here.

docs/sandbox.md#time.
"""

import re

from config.paths import PROJECT

REAL = re.compile(r"timezone\.now\(\)|database_time\(\)")

OF_NO_CUSTOMER = {
    "billing/api/revenue/batches.py": "files of sellers' months are made in real time",
    "billing/admin/accounting_files/batches.py": "files of sellers' months are made in real time",
    "invoices/admin/bank/line_actions.py": "bank accounts receive money for live invoices",
    "invoices/admin/bank/statements.py": "bank accounts receive money for live invoices",
    "invoices/api/bank_statements.py": "bank accounts receive money for live invoices",
    "billing/admin/adapters/targets.py": "records of live customers are pushed in real time",
    "billing/admin/data_drop.py": "all tables are dropped in real time",
    "billing/admin/adapters/records.py": "records of live customers are pushed in real time",
    "billing/admin/revenue/mrr_page.py": "revenue of live customers",
    "billing/admin/revenue/reports.py": "revenue of live customers",
    "billing/api/revenue/reports.py": "revenue of live customers",
    "wallets/admin/breakage_estimates.py": "estimates of sellers are entered in real time",
    "billing/admin/revenue/balance_page.py": "revenue of live customers",
    "billing/admin/revenue/movement_page.py": "revenue of live customers",
    "billing/api/revenue/metrics.py": "revenue of live customers",
    "billing/api/simulation/simulations.py": "bulk work and simulations go by real time",
    "billing/admin/simulation/simulation_job.py": "bulk work and simulations go by real time",
    "billing/admin/limits/alerts.py": "the real time of customers without a clock; who has seen an alert when",
    "billing/admin/limits/spend_caps.py": "who set or removed a cap when",
    "billing/admin/subscriptions/change_request.py": "a version is published in real time",
    "billing/admin/subscriptions/version_publication.py": "a version is published in real time",
    "billing/admin/subscriptions/rollout_audience.py": "a version is published in real time",
    "billing/admin/subscriptions/scheduled_changes.py": "the real time that customers without a clock live in",
    "billing/admin/simulation/test_clocks.py": "who advanced a clock when",
    "billing/admin/simulation/clones.py": "a customer is cloned in real time",
    "billing/admin/closing/closing_status.py": "the page of what is closed in real time",
    "billing/admin/subscriptions/coupons.py": "a coupon is archived for everybody",
    "billing/admin/dashboard.py": "figures of live customers",
    "billing/admin/limits/alert_rules.py": "who set or removed a rule when",
    "billing/admin/audit/audit_job.py": "jobs are started in real time",
    "billing/admin/closing/invoice_selections.py": "jobs are started in real time",
    "billing/admin/closing/invoice_run.py": "jobs are started in real time",
    "billing/admin/metering/imports.py": "jobs are started in real time",
    "billing/admin/jobs/job_page.py": "jobs are steered in real time",
    "billing/admin/closing/pdf_archives.py": "jobs are started in real time",
    "billing/admin/subscriptions/bulk_grants.py": "jobs are started in real time",
    "billing/admin/metering/meters.py": "a meter is tried on no customer's event",
    "billing/admin/customer_page/bulk_actions.py": "jobs are started in real time",
    "billing/admin/customer_page/customer_list.py": "the real time that customers without a clock live in",
    "billing/admin/plan_migrations/items.py": "bulk work is steered in real time",
    "billing/admin/plan_migrations/migration_page.py": "bulk work is steered in real time",
    "billing/admin/plan_migrations/plan_form.py": "bulk work is steered in real time",
    "invoices/admin/merchant_account.py": "who set a seller's account when",
    "invoices/admin/sellers.py": "an invented invoice to nobody is taxed as today",
    "billing/admin/accounting_files/accounts.py": "postings of sellers' months are mapped in real time",
    "billing/admin/closing/month_end.py": "months of live documents are locked in real time",
    "billing/admin/closing/month_page.py": "months of live documents are locked in real time",
    "billing/admin/closing/payment_reconciliation.py": "payments of live customers, as of now",
    "billing/admin/closing/seller_month.py": "months of live documents are locked in real time",
    "billing/admin/finance_home.py": "figures of live customers",
    "billing/admin/privacy/personal_data.py": "who erased a customer when",
    "billing/admin/closing/closing_by_hand.py": "the real time that customers without a clock live in",
    "billing/admin/closing/periods.py": "the real time that customers without a clock live in",
    "billing/admin/limits/reservations.py": "the real time that customers without a clock live in",
    "billing/admin/closing/period_status.py": "what is due in real time; of a test clock nothing is for long",
    "billing/admin/metering/unmatched_usage.py": "replayed in real time",
    "billing/admin/metering/ignore_rules.py": "who added or removed a rule when",
    "billing/api/metering/unmatched_usage.py": "who dismissed a report when",
    "billing/api/limits/alerts.py": "the real time that customers without a clock live in",
    "billing/api/limits/spend_caps.py": "who set or removed a cap when",
    "billing/api/simulation/test_clocks.py": "who made or advanced a clock when",
    "billing/api/simulation/clones.py": "a customer is cloned in real time",
    "billing/api/metering/corrections.py": "the real time that customers without a clock live in",
    "billing/api/metering/events.py": "the real time that customers without a clock live in",
    "billing/api/limits/alert_rules.py": "who set or removed a rule when",
    "billing/api/metering/meters.py": "a meter is tried on no customer's event",
    "billing/api/plan_migrations.py": "bulk work is steered in real time",
    "billing/api/privacy.py": "who erased a customer when",
    "billing/api/subscriptions/serializers.py": "the real time that customers without a clock live in",
    "billing/api/subscriptions/views.py": "the real time that customers without a clock live in",
    "invoices/admin/invoice_actions.py": "files are made in real time",
    "invoices/admin/invoices.py": "files are made in real time",
    "invoices/api/serializers.py": "a signed link ends in real time",
    "invoices/api/files.py": "files are made in real time",
    "billing/portal/pricing_page.py": "public prices belong to no customer",
    "invoices/portal/invoice_page.py": "files are made in real time",
    "wallets/admin/packs.py": "a pack is sold to everybody",
    "wallets/api/wallets.py": "the real time that customers without a clock live in",
}


def test_views_that_read_the_real_time_are_listed():
    paths = set()
    for app in ("billing", "wallets", "invoices"):
        for layer in ("admin", "api", "portal"):
            for file in sorted((PROJECT / app / layer).rglob("*.py")):
                if REAL.search(file.read_text()):
                    paths.add(str(file.relative_to(PROJECT)))

    assert paths - set(OF_NO_CUSTOMER) == set(), (
        "ask customers.customer_time.current_time for the time of the customer"
    )
    assert set(OF_NO_CUSTOMER) - paths == set(), "it reads the real time no more: leave it out of the list"
