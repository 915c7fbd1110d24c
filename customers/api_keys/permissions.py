"""Permissions of API keys."""

import logging
from typing import TYPE_CHECKING

from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from lib.api.callers import caller_of
from lib.api.problems import Problem

if TYPE_CHECKING:  # REST framework's views import the permissions in the settings
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class HasScope(BasePermission):
    """
    Permit a key the operations of its scopes; each view's `required_scopes` says which one a method needs.

    Operations that a view does not declare are rejected. Scopes do not include each other.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """
        Return True, or raise.

        :raises MethodNotAllowed: if the view has no such method; OPTIONS adds nothing to the schema.
        :raises NotAuthenticated: if no key was sent.
        :raises Problem: `scope-missing`, if the key lacks the scope.
        """
        method = "GET" if request.method == "HEAD" else request.method or ""
        known = method.lower() in view.http_method_names and hasattr(view, method.lower())
        if method == "OPTIONS" or not known:
            raise MethodNotAllowed(method)
        if request.user is None:
            raise NotAuthenticated("Send “Authorization: Bearer tb_live_…” with an API key.")
        needed = getattr(view, "required_scopes", {}).get(method)
        if needed is None:
            logger.error("%s declares no scope for %s: refused", type(view).__name__, method)
            raise Problem("scope-missing", "No key may call this operation: it declares no scope.")
        caller = caller_of(request)
        if needed not in caller.scopes:
            scopes_text = ", ".join(sorted(caller.scopes))
            raise Problem(
                "scope-missing",
                f"Key {caller.prefix}… may not call this operation: it needs the scope “{needed}” and has"
                f" {scopes_text}.",
            )
        return True
