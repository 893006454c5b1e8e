"""The task of the Celery contenders."""

import os

from celery import Celery

_URL = os.environ["REDIS_URL"].replace("unix://", "redis+socket://")
app = Celery("celery_tasks", broker=_URL, backend=_URL)
app.conf.broker_connection_retry_on_startup = True


@app.task
def repeat(size: int) -> dict[str, str]:
    """As many letters as were ordered."""
    return {"text": "x" * size}
