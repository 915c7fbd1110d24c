"""The web process's entry point."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from config import postgres

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("TOLLBOOK_WEB", "1")  # bounds the statements of this process, see config/databases.py

postgres.ensure_running()
application = get_wsgi_application()

# A batch of events creates tens of thousands of short-lived objects and no cycles: with the default thresholds, the
# collector would traverse the whole catalog and all of Django some fifty times per request.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 50)
