from customers.models.api_keys import ApiKey, IdempotentRequest
from customers.models.clocks import TestClock
from customers.models.contacts import Contact
from customers.models.customers import Customer
from customers.models.email_templates import EmailTemplate
from customers.models.exchange_rates import ExchangeRate
from customers.models.logos import Logo
from customers.models.notifications import Delivery, Notification
from customers.models.portal_access import PortalLink, PortalSession
from customers.models.sellers import Seller
from customers.models.staff_sellers import StaffSeller
from customers.models.webhook_endpoints import WebhookEndpoint

__all__ = [
    "ApiKey",
    "Contact",
    "Customer",
    "Delivery",
    "EmailTemplate",
    "ExchangeRate",
    "IdempotentRequest",
    "Logo",
    "Notification",
    "PortalLink",
    "PortalSession",
    "Seller",
    "StaffSeller",
    "TestClock",
    "WebhookEndpoint",
]
