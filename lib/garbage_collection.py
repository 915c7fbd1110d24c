"""When Python looks for unreachable cycles of objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rare_collection() -> Iterator[None]:
    """
    Let the collector run less often within the block, which creates many short-lived objects and few cycles.

    Rendering is no such block: WeasyPrint's boxes are cycles, and a worker would need 580 MB in place of 360.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
