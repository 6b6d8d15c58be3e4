# docker build .                 the service and the trainer, with TensorFlow
# docker build --target slim .   the service alone, with LiteRT

FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
COPY deploy/install.sh /tmp/

FROM build AS build-slim
COPY requirements-slim.txt /tmp/
RUN --mount=type=cache,target=/var/cache/pip sh /tmp/install.sh /tmp/requirements-slim.txt

FROM build AS build-full
COPY requirements.txt /tmp/
RUN --mount=type=cache,target=/var/cache/pip sh /tmp/install.sh /tmp/requirements.txt

# What both images have, but for their packages.
FROM python:3.12-slim AS service
LABEL org.opencontainers.image.title="Digits" \
      org.opencontainers.image.description="Reads handwritten digits over HTTP"
RUN useradd --system --uid 10001 --home-dir /tmp --shell /usr/sbin/nologin digits
WORKDIR /app
COPY NOTICE ./
COPY deploy/healthcheck.py deploy/
COPY artifacts artifacts
COPY service service
RUN python -m compileall -q service
# /tmp is all that is ever written to, and only by the trainer and by metrics of several workers.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DIGITS_HOST=0.0.0.0 \
    DIGITS_LOG_FORMAT=json
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["python", "deploy/healthcheck.py"]
CMD ["python", "-m", "service", "serve"]

FROM service AS slim
COPY --from=build-slim /opt/venv /opt/venv
ENV DIGITS_RUNTIME=litert
USER 10001

FROM service AS full
COPY --from=build-full /opt/venv /opt/venv
COPY trainer trainer
RUN python -m compileall -q trainer
ENV MPLCONFIGDIR=/tmp/matplotlib \
    KERAS_HOME=/tmp/keras
USER 10001
