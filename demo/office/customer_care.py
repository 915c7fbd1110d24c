"""Contacts of customers, the seller's own email texts, exchange rates, and keys of the product's programs."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from customers.api_keys import keys
from customers.exchange_rates.ecb_file import PublishedRate
from customers.exchange_rates.stored_rates import import_rates
from customers.models import ApiKey, Contact, EmailTemplate
from customers.models.api_keys import Scope
from customers.models.contacts import ContactRole
from demo.office.office_data import live_customer, office_rows

UNITS_PER_EURO = {"USD": Decimal("1.09"), "JPY": Decimal("162.4"), "GBP": Decimal("0.85")}
RATE_INTERVAL, RATE_COUNT = 28, 15
"""A rate every so many days, back to the first month of the history."""

KEYS = (("Gateway", [Scope.INGEST], False), ("Reporting", [Scope.READ], False), ("Staging", [Scope.INGEST], True))


@transaction.atomic
def add(*, at: datetime) -> bool:
    if EmailTemplate.objects.exists():
        return False
    for row in office_rows("contacts"):
        facts = dict(row)
        Contact.objects.create(customer=live_customer(facts.pop("customer")), role=ContactRole.ADMIN, **facts)
    for template in office_rows("email_templates"):
        EmailTemplate.objects.create(**template)
    days = [(at - timedelta(days=RATE_INTERVAL * count)).date() for count in range(RATE_COUNT)]
    rates = [PublishedRate(day, code, rate) for day in days for code, rate in UNITS_PER_EURO.items()]
    import_rates(rates, at=at, source="invented")
    for name, scopes, sandbox in KEYS:
        if not ApiKey.objects.filter(name=name).exists():
            keys.issue(name=name, scopes=scopes, sandbox=sandbox, by=None, at=at - timedelta(days=20))
    return True
