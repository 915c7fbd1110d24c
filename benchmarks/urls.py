"""The product's URLs, and the empty view for comparison."""

from django.urls import include, path

from benchmarks.views import EmptyView

urlpatterns = [
    path("", include("config.urls")),
    path("benchmark/empty", EmptyView.as_view()),
]
