FROM python:3.11-slim-trixie AS build

WORKDIR /source
RUN python -m venv /opt/projects-api
ENV PATH=/opt/projects-api/bin:$PATH

# Extras to install: `[ml]` trains models and draws reports; a server without it does all else.
ARG EXTRAS="[ml]"
COPY locks locks
COPY pyproject.toml README.md LICENSE openapi.yaml ./
COPY projects_api projects_api
# Of the project's own requirements, what the lock has is there already.
# hadolint ignore=DL3013
RUN case "$EXTRAS" in *ml*) lock=ml ;; *) lock=core ;; esac \
    && pip install --no-cache-dir --require-hashes --requirement "locks/$lock.lock" \
    && pip install --no-cache-dir ".${EXTRAS}"


FROM python:3.11-slim-trixie

# LightGBM uses the system's OpenMP runtime. Its version follows the image, which has no other.
ARG EXTRAS="[ml]"
# hadolint ignore=DL3008
RUN case "$EXTRAS" in *ml*) \
        apt-get update \
        && apt-get install --yes --no-install-recommends libgomp1 \
        && rm --recursive --force /var/lib/apt/lists/* ;; \
    esac

# The number is fixed, so that an orchestrator can tell that it is not root and volumes stay ours.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin projects-api \
    && install --directory --owner=projects-api --group=projects-api /data
COPY --from=build /opt/projects-api /opt/projects-api

ENV PATH=/opt/projects-api/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PROJECTS_API_DATA_DIR=/data \
    PROJECTS_API_PORT=8888

USER 10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8888

# Whether the process answers. Readiness, which also asks what it depends on, is for load balancers.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PROJECTS_API_PORT']}/health/live\", timeout=4)"]

CMD ["projects-api", "serve", "--host", "0.0.0.0"]
