"""What somebody gets of a row that is another's: the same as of one that is not there."""

from tests.access.access_table import NO, OWN, YES
from tests.access.request_bodies import names_somebody, sent_with
from tests.access.route_requests import Answer, ask
from tests.access.routes import Route
from tests.access.rows import NOBODY, missing, place
from tests.access.world import OWN as THEIRS
from tests.access.world import Actor


def asked_by_a_stranger(actor: Actor, method: str, route: Route) -> tuple[str, Answer]:
    """
    Ask as somebody of another customer, or of the other world, and return what came of it.

    “·”: the row might as well not exist: status, words and headers are those of one that does not.
    “own”: the page has a row in its address of nobody, and shows nothing of the other's.
    """
    values, _ = place(route)
    answer = ask(actor, method, route.address(values), sent_with(method, route))
    if not values and not names_somebody(method, route):
        return (NO if answer.is_refusal else YES if THEIRS in answer.text.lower() else OWN), answer
    absent = missing(values)
    other = ask(actor, method, route.address(absent), sent_with(method, route, NOBODY))
    asked = {str(value) for value in (*values.values(), *absent.values())} | {THEIRS, NOBODY}
    return (NO if answer.without(asked) == other.without(asked) else YES), answer
