from customers.models.clocks import TestClock
from customers.models.contacts import Contact
from customers.models.customers import Customer
from customers.models.endpoints import WebhookEndpoint
from customers.models.keys import ApiKey, IdempotentRequest
from customers.models.logos import Logo
from customers.models.notices import Delivery, Notice
from customers.models.portal import PortalLink, PortalSession
from customers.models.sellers import Seller
from customers.models.wordings import Wording

__all__ = [
    "ApiKey",
    "Contact",
    "Customer",
    "Delivery",
    "IdempotentRequest",
    "Logo",
    "Notice",
    "PortalLink",
    "PortalSession",
    "Seller",
    "TestClock",
    "WebhookEndpoint",
    "Wording",
]
