"""When Python looks for unreachable cycles of objects."""

import gc

THRESHOLDS = (50_000, 20, 50)


def collect_rarely() -> None:
    """
    Let the collector ignore all that is loaded by now, and run less often; call it once the process has started.

    A batch of events or a chunk of periods creates tens of thousands of short-lived objects and no cycles: with the
    default thresholds, the collector would traverse the whole catalog and all of Django some fifty times per request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
