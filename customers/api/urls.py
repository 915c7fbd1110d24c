from django.urls import path

from customers.api.views import CustomersView, CustomerView

urlpatterns = [
    path("customers", CustomersView.as_view(), name="customers"),
    path("customers/<str:customer>", CustomerView.as_view(), name="customer"),
]
