from django.urls import path

from invoices.payments.pages import payment_return, sandbox_page, stripe_event

urlpatterns = [
    path("stripe/events", stripe_event, name="stripe_event"),
    path("stripe/events/<int:account>", stripe_event, name="stripe_event_of_account"),
    path("sandbox/<uuid:key>", sandbox_page, name="sandbox_page"),
    path("done", payment_return, name="paid_page"),
]
