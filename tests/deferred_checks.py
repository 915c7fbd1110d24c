"""Deferred constraints inside the transaction of a test, as its end would check them."""

from lib import sql


def check_deferred() -> None:
    """Check the deferred constraints for all statements until now; later ones are deferred again."""
    sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
    sql.execute("SET CONSTRAINTS ALL DEFERRED")
