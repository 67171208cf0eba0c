# Two stages: the first builds the wheel and a virtualenv from the locked requirements, the second runs it.
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/tocsin
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/tocsin/bin/pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY commands commands
COPY gateway gateway
COPY templates templates
RUN /opt/tocsin/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/tocsin/bin/pip install --no-deps /dist/*.whl

FROM python:${PYTHON}-slim

ENV PATH=/opt/tocsin/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# /var/lib/tocsin is the one place that is written to; the settings are looked for in config/ below it.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/tocsin tocsin \
    && install -d -o tocsin -g tocsin /var/lib/tocsin /var/lib/tocsin/var
COPY --from=build /opt/tocsin /opt/tocsin
WORKDIR /var/lib/tocsin
USER 10001:10001
VOLUME /var/lib/tocsin/var
EXPOSE 8700 8080
STOPSIGNAL SIGTERM
# Asks the bot's console. A container that runs the gateway overrides it (deploy/compose.yaml).
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('TOCSIN_CONSOLE__PORT', '8700')}/healthz\", timeout=2)"]
# `tocsin serve`, or another program: `docker run IMAGE tocsin-gateway serve --config FILE`.
CMD ["tocsin", "serve"]
