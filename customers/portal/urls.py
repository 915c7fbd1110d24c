from django.urls import path

from customers.portal.details import add_contact, details, remove_contact
from customers.portal.language import choose_language
from customers.portal.sign_in import enter, mailed, sign_in, sign_out

urlpatterns = [
    path("sign-in", sign_in, name="portal_sign_in"),
    path("sign-in/mailed", mailed, name="portal_mailed"),
    path("enter/<str:secret>", enter, name="portal_enter"),
    path("sign-out", sign_out, name="portal_sign_out"),
    path("language", choose_language, name="portal_language"),
    path("details", details, name="portal_details"),
    path("details/contacts", add_contact, name="portal_add_contact"),
    path("details/contacts/<int:number>/remove", remove_contact, name="portal_remove_contact"),
]
