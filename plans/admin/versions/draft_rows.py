"""The permissions of a version's rows: its fees, features, commitments and the rest."""

from lib.admin import PermissionRules
from plans.models import PlanVersion


class DraftRows(PermissionRules):
    """Rows of a version, which change only while it is a draft."""

    def is_editable(self, version: PlanVersion) -> bool:
        return version.is_editable
