# Build stage: the locked packages in a virtual environment, less what only compilers need.
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/
RUN --mount=type=cache,target=/var/cache/pip \
    /opt/venv/bin/pip install --cache-dir /var/cache/pip --disable-pip-version-check --no-compile --require-hashes -r /tmp/requirements.txt
RUN cd /opt/venv/lib/python3*/site-packages \
    && rm -rf tensorflow/include clang libclang* pip pip-* \
    && find . -type d -name tests -not -path './numpy/*' -prune -exec rm -rf {} + \
    && find . -name '*.so*' -type f -exec strip --strip-unneeded {} + \
    && /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib

FROM python:3.12-slim
LABEL org.opencontainers.image.title="Digits" \
      org.opencontainers.image.description="Reads handwritten digits over HTTP"
COPY --from=build /opt/venv /opt/venv
RUN useradd --system --uid 10001 --home-dir /tmp --shell /usr/sbin/nologin digits
WORKDIR /app
COPY NOTICE ./
COPY deploy/healthcheck.py deploy/
COPY artifacts artifacts
COPY trainer trainer
COPY service service
RUN python -m compileall -q service trainer
# /tmp is all that is ever written to, and only by the trainer and by metrics of several workers.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    KERAS_HOME=/tmp/keras \
    DIGITS_HOST=0.0.0.0 \
    DIGITS_LOG_FORMAT=json
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["python", "deploy/healthcheck.py"]
CMD ["python", "-m", "service", "serve"]
