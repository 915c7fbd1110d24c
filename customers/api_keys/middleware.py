"""Middleware of the API: request ids, first checks, and one form for every refusal."""

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from lib.api.problem_types import PROBLEM_TYPES
from lib.api.problems import MEDIA_TYPE, Problem, problem_name, problem_response

PREFIX = "/api/"


class ApiMiddleware:
    """
    Middleware of everything below /api/.

    Each response has a `Request-Id`; each refusal is problem+json, including those that no view makes (an unknown
    URL, a body beyond Django's limit, an unexpected error), and reveals no internals.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, and give its response the form and headers of the API."""
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        # Texts are for logs as much as for people: one language, independent of the client's. The explanation of an
        # invoice is for people, and reads the attribute.
        request.accepted_languages = request.META.pop("HTTP_ACCEPT_LANGUAGE", "")  # type: ignore[attr-defined]  # ours
        request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
        request_id = "req_" + secrets.token_hex(12)
        # Problems and logs read the attribute.
        request.request_id = request_id  # type: ignore[attr-defined]  # ours
        response = self._refusal(request) or self.get_response(request)
        if response.status_code >= 400 and response.get("Content-Type") != MEDIA_TYPE:
            response = _as_problem(response, request)
        response["Request-Id"] = request_id
        for name, value in getattr(request, "rate_limit", {}).items():
            response[name] = value
        return response

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        """
        Reject a request without encryption in production, and text that PostgreSQL cannot store: U+0000 in the path
        or the query.

        A redirect to HTTPS would hide that the caller keeps sending its key in the clear.
        """
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            text = "The API answers over HTTPS only. Use https://, and replace the key: it was sent unencrypted."
            return problem_response(Problem("malformed-request", text), request=request)
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path_info or "%00" in query or "\0" in query:
            return problem_response(
                Problem("malformed-request", "The address contains the character U+0000."), request=request
            )
        return None


def _as_problem(response: HttpResponseBase, request: HttpRequest) -> HttpResponse:
    """Return the problem for one of Django's own responses, with the headers that belong to its status."""
    name = problem_name(response.status_code)
    problem = problem_response(Problem(name, PROBLEM_TYPES[name].remedy), request=request)
    for header in ("Allow", "Retry-After", "WWW-Authenticate"):
        if header in response:
            problem[header] = response[header]
    return problem
