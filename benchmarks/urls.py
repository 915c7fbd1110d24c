"""The product's addresses, and the empty view that benchmarks compare them with."""

from django.urls import include, path

from benchmarks.views import EmptyView

urlpatterns = [
    path("", include("config.urls")),
    path("benchmark/empty", EmptyView.as_view()),
]
