"""What a key may do."""

import logging
from typing import TYPE_CHECKING

from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from lib.api.problems import Problem

if TYPE_CHECKING:  # the views import their permissions, by the setting
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class HasScope(BasePermission):
    """
    Let a key do what its scopes say, as each view declares: `required_scopes = {"GET": "read", "POST": "manage"}`.

    What a view forgot to declare is refused. Scopes do not include one another.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """
        Return True, or raise.

        :raises MethodNotAllowed: if the view has no such method; OPTIONS tells nothing that the schema does not.
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
            raise Problem("scope-missing", "No key may do this: the operation declares no scope.")
        if needed not in request.user.scopes:
            held = ", ".join(sorted(request.user.scopes))
            raise Problem(
                "scope-missing",
                f"Key {request.user.prefix}… may not do this: it needs the scope “{needed}” and has {held}.",
            )
        return True
