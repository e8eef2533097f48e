# syntax=docker/dockerfile:1
# The dependencies change rarely and have a layer of their own; nothing runs as root.

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements-uv.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --only-binary :all: -r requirements-uv.lock
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    python -m venv --without-pip /opt/notilog \
    && uv pip sync --python /opt/notilog/bin/python --link-mode copy --compile-bytecode \
        --require-hashes requirements.lock
COPY pyproject.toml README.md LICENSE beat_schedule.py celeryconfig.py ./
COPY notilog notilog
COPY api api
COPY workers workers
COPY migrations migrations
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --python /opt/notilog/bin/python --link-mode copy --compile-bytecode \
        --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/notilog --create-home notilog \
    && install -d -o notilog -g notilog -m 750 /var/lib/notilog/logs
COPY --from=build /opt/notilog /opt/notilog
ENV PATH="/opt/notilog/bin:$PATH" PYTHONUNBUFFERED=1
WORKDIR /var/lib/notilog
USER notilog
EXPOSE 8000 5555
CMD ["notilog", "doctor"]
