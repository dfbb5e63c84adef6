# One image for every line of the Procfile; docker-compose.yml chooses which one a container runs.
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY constraints.txt install.py setup.cfg pyproject.toml README.md LICENSE NOTICE ./
COPY ingest ingest
COPY workers workers
COPY documents documents
COPY models models
COPY migrations migrations
COPY monitoring monitoring
COPY outgoing outgoing
RUN python install.py --into python local \
    && useradd --system --uid 10001 --no-create-home essaycoach \
    && install -d -o essaycoach /var/lib/essaycoach
USER essaycoach
# The Procfile's first line; docker-compose.yml and deploy/kubernetes choose another line and their own checks.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz\", timeout=4)"]
CMD ["gunicorn", "--config", "ingest/gunicorn.py", "ingest.app:create_app()"]
