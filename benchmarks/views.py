"""The empty view that API responses are compared with."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView


class EmptyView(APIView):
    """Authenticates with its one query and returns a constant; served only while benchmarks run."""

    required_scopes = {"GET": "read", "POST": "ingest"}
    schema = None

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(b'{"ok":true}', content_type="application/json")

    def post(self, request: Request) -> HttpResponse:
        return self.get(request)
