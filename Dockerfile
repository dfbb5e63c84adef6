# One image for every line of the Procfile; docker-compose.yml chooses which one a container runs.
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY constraints.txt install.py setup.cfg pyproject.toml README.md LICENSE ./
COPY ingest ingest
COPY workers workers
COPY models models
COPY migrations migrations
COPY monitoring monitoring
RUN python install.py --into python local \
    && useradd --system --no-create-home essaycoach \
    && install -d -o essaycoach /var/lib/essaycoach
USER essaycoach
