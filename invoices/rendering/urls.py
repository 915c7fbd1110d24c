from django.urls import path

from invoices.rendering.downloads import download

urlpatterns = [path("<str:token>.pdf", download, name="invoice_download")]
