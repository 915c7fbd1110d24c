"""The names of the roles, which follow from the owner's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RoleNames:
    """
    The roles of a database whose tables belong to `owner`.

    They are shared by the databases of one server that have the same owner.
    """

    owner: str

    @property
    def application(self) -> str:
        """Return the login of workers, and of processes that serve the API alone."""
        return f"{self.owner}_application"

    @property
    def staff(self) -> str:
        """Return the login of processes that serve the admin."""
        return f"{self.owner}_staff"

    @property
    def logins(self) -> tuple[str, str]:
        """Return the roles of running processes."""
        return self.application, self.staff
