# One image for both processes: `docker run IMAGE` serves, `docker run IMAGE python worker.py` works.
# Debian 13 with Python 3.13, by its digest: the tag moves on, the digest is what was meant. Renew both lines together.
FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS build
COPY pyproject.toml uv.lock README.md /src/
COPY service /src/service
# What uv.lock names, by its hashes, and pip with it: images that build on this one install with it.
RUN python -m venv /opt/pollable \
    && pip install --no-cache-dir uv==0.13.9 \
    && UV_PROJECT_ENVIRONMENT=/opt/pollable uv sync --project /src --frozen --inexact --no-default-groups --no-editable --no-cache \
        --extra examples

FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285
COPY --from=build /opt/pollable /opt/pollable
COPY worker.py /app/
RUN useradd --system --uid 10001 --no-create-home pollable
USER 10001
WORKDIR /app
# PORT makes the web process listen on every interface of the container; it then refuses to start without POLLABLE_AUTH.
ENV PATH=/opt/pollable/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
CMD ["python", "-m", "pollable", "serve"]
