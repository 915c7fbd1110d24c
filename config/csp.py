"""The content security policy: pages load and run only content of this server, with exceptions for two paths."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

STRICT: dict[str, list[str]] = {
    "default-src": [SELF],
    "img-src": [SELF, "data:"],
    "object-src": [NONE],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}

# The admin's theme evaluates Alpine expressions and sets styles in its markup; the API's documentation has a style
# block.
LOOSER = {
    "/admin/": {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]},
    "/api/docs/": {"style-src": [SELF, UNSAFE_INLINE]},
}


class PolicyByPath(CSPMiddleware):
    """django-csp's middleware with a looser policy for some paths; a view's own decorator takes precedence."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if parts.replace is None and not report_only:
            parts.replace = _looser(request.path_info)
        return parts


def _looser(path: str) -> dict[str, Any] | None:
    return next((policy for prefix, policy in LOOSER.items() if path.startswith(prefix)), None)
