# One image for both processes: `docker run IMAGE` serves, `docker run IMAGE python worker.py` works.
FROM python:3.13-slim-bookworm AS build
COPY pyproject.toml README.md /src/
COPY service /src/service
RUN python -m venv /opt/pollable && /opt/pollable/bin/pip install --no-cache-dir '/src[examples]'

FROM python:3.13-slim-bookworm
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
