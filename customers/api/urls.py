from django.urls import path

from customers.api.api_keys import Keys
from customers.api.contacts import Contacts
from customers.api.embed_tokens import EmbedTokens
from customers.api.portal_links import PortalLinksView
from customers.api.sellers import Sellers
from customers.api.views import Customers
from customers.api.webhooks import Deliveries, Endpoints

urlpatterns = [
    path("customers", Customers.route("list_all", "create"), name="customers"),
    path("customers/<str:customer>", Customers.route("read", "update"), name="customer"),
    path("customers/<str:customer>/contacts", Contacts.route("list_all", "create"), name="contacts"),
    path(
        "customers/<str:customer>/contacts/<int:number>", Contacts.route("read", "update", "remove"), name="contact"
    ),
    path("sellers", Sellers.route("list_all", "create"), name="sellers"),
    path("sellers/<str:seller>", Sellers.route("read", "update"), name="seller"),
    path("keys", Keys.route("list_all", "issue"), name="keys"),
    path("keys/<int:number>", Keys.route("read"), name="key"),
    path("keys/<int:number>/rotate", Keys.route("rotate"), name="key_rotate"),
    path("keys/<int:number>/revoke", Keys.route("revoke"), name="key_revoke"),
    path("customers/<str:customer>/portal-links", PortalLinksView.route("create"), name="portal_links"),
    path("customers/<str:customer>/embed-tokens", EmbedTokens.route("create"), name="embed_tokens"),
    path("customers/<str:customer>/embed-tokens/<int:number>", EmbedTokens.route("remove"), name="embed_token"),
    path("webhooks", Endpoints.route("list_all", "create"), name="webhooks"),
    path("webhooks/<int:webhook>", Endpoints.route("read", "update", "remove"), name="webhook"),
    path("webhooks/<int:webhook>/rotate", Endpoints.route("rotate"), name="webhook_rotate"),
    path("webhooks/<int:webhook>/test", Endpoints.route("send_test"), name="webhook_test"),
    path("webhooks/<int:webhook>/replay", Endpoints.route("replay"), name="webhook_replay"),
    path("webhooks/<int:webhook>/deliveries", Deliveries.route("list_all"), name="deliveries"),
    path("webhooks/<int:webhook>/deliveries/<int:number>/replay", Deliveries.route("replay"), name="delivery_replay"),
]
