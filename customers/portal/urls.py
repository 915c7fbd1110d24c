from django.urls import path

from customers.portal.brand import logo, style
from customers.portal.details import details
from customers.portal.language import choose_language
from customers.portal.people import add_contact, change_contact, people, remove_contact
from customers.portal.sign_in import enter, mailed, sign_in, sign_out

urlpatterns = [
    path("brand/<str:name>.css", style, name="portal_style"),
    path("brand/<str:sha256>.png", logo, name="portal_logo"),
    path("sign-in", sign_in, name="portal_sign_in"),
    path("sign-in/mailed", mailed, name="portal_mailed"),
    path("enter/<str:secret>", enter, name="portal_enter"),
    path("sign-out", sign_out, name="portal_sign_out"),
    path("language", choose_language, name="portal_language"),
    path("details", details, name="portal_details"),
    path("people", people, name="portal_people"),
    path("people/add", add_contact, name="portal_add_contact"),
    path("people/<int:number>", change_contact, name="portal_change_contact"),
    path("people/<int:number>/remove", remove_contact, name="portal_remove_contact"),
]
