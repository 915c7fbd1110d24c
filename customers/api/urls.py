from django.urls import path

from customers.api.api_keys import KeyRevocationView, KeyRotationView, KeysView, KeyView
from customers.api.contacts import ContactsView, ContactView
from customers.api.deliveries import DeliveriesView, DeliveryReplayView
from customers.api.portal_links import PortalLinksView
from customers.api.views import CustomersView, CustomerView
from customers.api.webhooks import EndpointsView, EndpointView, ReplayView, RotationView, SendTestView

urlpatterns = [
    path("customers", CustomersView.as_view(), name="customers"),
    path("customers/<str:customer>", CustomerView.as_view(), name="customer"),
    path("customers/<str:customer>/contacts", ContactsView.as_view(), name="contacts"),
    path("customers/<str:customer>/contacts/<int:number>", ContactView.as_view(), name="contact"),
    path("keys", KeysView.as_view(), name="keys"),
    path("keys/<int:number>", KeyView.as_view(), name="key"),
    path("keys/<int:number>/rotate", KeyRotationView.as_view(), name="key_rotate"),
    path("keys/<int:number>/revoke", KeyRevocationView.as_view(), name="key_revoke"),
    path("customers/<str:customer>/portal-links", PortalLinksView.as_view(), name="portal_links"),
    path("webhooks", EndpointsView.as_view(), name="webhooks"),
    path("webhooks/<int:webhook>", EndpointView.as_view(), name="webhook"),
    path("webhooks/<int:webhook>/rotate", RotationView.as_view(), name="webhook_rotate"),
    path("webhooks/<int:webhook>/test", SendTestView.as_view(), name="webhook_test"),
    path("webhooks/<int:webhook>/replay", ReplayView.as_view(), name="webhook_replay"),
    path("webhooks/<int:webhook>/deliveries", DeliveriesView.as_view(), name="deliveries"),
    path(
        "webhooks/<int:webhook>/deliveries/<int:number>/replay", DeliveryReplayView.as_view(), name="delivery_replay"
    ),
]
