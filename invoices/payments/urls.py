from django.urls import path

from invoices.payments.pages import back, sandbox_page, stripe_event

urlpatterns = [
    path("stripe/events", stripe_event, name="stripe_event"),
    path("sandbox/<uuid:key>", sandbox_page, name="sandbox_page"),
    path("done", back, name="paid_page"),
]
