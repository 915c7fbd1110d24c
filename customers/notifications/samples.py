"""Sample facts of each kind that is emailed: for previews, and as the list of placeholders of a template."""

Facts = dict[str, str | int | None]

ALERT: Facts = {
    "kind": "cap",
    "subscription": "acme-pro",
    "feature": "api.calls",
    "dimension": None,
    "dimension_value": None,
    "wallet_name": None,
    "threshold": 80,
    "value": "400.00",
    "limit": "500.00",
    "unit": "USD",
    "period_end": "2026-06-01",
    "remedy": "raise_cap",
}
INVOICE: Facts = {"number": "INV-000042", "total": "119.00", "currency": "EUR"}
ISSUED_INVOICE = INVOICE | {"document": "invoice", "due_date": "2026-05-18"}
OVERDUE: Facts = {"number": "INV-000042", "due": "119.00", "currency": "EUR", "due_date": "2026-05-18"}
PAID: Facts = {"number": "INV-000042", "amount": "119.00", "currency": "EUR"}
REFUND: Facts = {"amount": "19.00", "currency": "EUR"}

EXPLANATION: Facts = {"explanation": "€119.00 = Base fee €100.00 + VAT 19% €19.00."}

SAMPLES: dict[str, Facts] = {
    "alert.fired": ALERT,
    "alert.recovered": ALERT | {"kind": "low_balance", "feature": None, "wallet_name": "Credits", "value": "250"},
    "invoice.explained": ISSUED_INVOICE,
    "invoice.issued": ISSUED_INVOICE,
    "invoice.overdue": OVERDUE,
    "invoice.paid": INVOICE,
    "invoice.reminder": OVERDUE | {"days": 7},
    "invoice.resent": ISSUED_INVOICE,
    "invoice.uncollectible": OVERDUE,
    "migration.announced": {
        "subscription": "acme-pro",
        "plan": "Pro",
        "new_plan": "Pro 2027",
        "when": "when each one's next period begins",
        "not_before": "2026-07-03",
        "bill_before": "119.00",
        "bill_after": "112.50",
        "currency": "EUR",
    },
    "payment.disputed": PAID | {"status": "needs_response"},
    "payment.failed": PAID | {"reason": "Your card was declined."},
    "payment.succeeded": PAID,
    "payment.taken_back": PAID | {"reason": "The debit was returned"},
    "refund.failed": REFUND | {"reason": "The account was closed"},
    "refund.succeeded": REFUND,
    "subscription.canceled": {"subscription": "acme-pro", "ends_at": "2026-06-01", "give_back": "none"},
    "subscription.ended": {"subscription": "acme-pro", "plan": "pro", "ended_at": "2026-06-01"},
    "topup.failed": {"wallet": 5, "purchase": 9, "reason": "declined"},
    "topup.paid": {"units": "1000", "bonus": "50", "unit": "credits", "invoice": 43, "wallet": 5},
    "topup.switched_off": {"wallet": 5, "reason": "3 declines in a row"},
    "wallet.expired": {"amount": "200", "unit": "credits", "balance": "800"},
    "wallet.granted": {"amount": "100", "unit": "credits", "grant": "promotional", "expires_at": None},
}
"""Each name is a fact of its kind: docs/webhooks.md lists all of them."""

TRANSFER: Facts = {
    "purchase_order": "PO-2026-117",
    "account_holder": "Acme Billing GmbH",
    "iban": "DE02120300000000202051",
    "bic": "BYLADEM1001",
    "reference": "INV-000042",
}
LAST: Facts = {"reminder": "final", "next_action": "pause", "next_on": "2026-06-08", "pay_by": "2026-06-07"}
PLAN: Facts = {"plan_name": "Pro"}

ISSUED: Facts = EXPLANATION | TRANSFER | {"due": "119.00", "period": "2026-04-01"}

EMAIL_FACTS: dict[str, Facts] = {
    "alert.fired": PLAN | {"feature_name": "API calls"},
    "alert.recovered": PLAN | {"feature_name": None},
    "invoice.explained": EXPLANATION,
    "invoice.issued": ISSUED,
    "invoice.overdue": TRANSFER,
    "invoice.reminder": TRANSFER | LAST,
    "invoice.resent": ISSUED,
    "payment.failed": {"method": "Visa 4242", "decline": "expired_card"},
    "payment.succeeded": {"method": "Visa 4242", "due": "0.00"},
    "subscription.canceled": PLAN,
    "subscription.ended": PLAN,
    "topup.paid": {"balance": "1564"},
}
"""Facts that only emails have, in the reader's language; they are read before an email is sent."""
