"""Jobs to be rendered: any that can be, and one of each state."""

import json
from typing import Any

from hypothesis import strategies as st

from pollable.model import FINAL_STATES, Failure, Job, State

CREATED_AT = 1_772_625_600_000
"""2026-03-04T12:00:00Z"""
PROJECT_ID = "7b1c6f0e-5a43-4b59-9f3a-0d2f4c1a9e77"
ANALYSIS_ID = "2f8a5c3d-9b1e-4d7f-8a6b-3c5e7f9d1b2a"

RQ_WORDS = {
    State.QUEUED: ("queued", "created", "deferred", "rate_limited", "ready_to_enqueue"),
    State.SCHEDULED: ("scheduled",),
    State.RUNNING: ("started",),
    State.SUCCEEDED: ("finished",),
    State.FAILED: ("failed",),
    State.CANCELLED: ("stopped", "canceled"),
}

moments = st.integers(min_value=0, max_value=4_102_444_800_000)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
results = json_values | st.builds(lambda value: {"analysisId": value}, json_values | st.uuids().map(str))
contexts = st.one_of(
    st.just({}),
    st.just({"projectId": PROJECT_ID}),
    st.dictionaries(texts, json_values, max_size=3),
    st.builds(lambda value: {"projectId": value}, json_values),
)
ids = st.uuids().map(str)
rq_ids = ids | st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
failures = st.none() | st.builds(Failure, texts, texts)


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@st.composite
def jobs(draw: st.DrawFn, *, owner: str = "somebody") -> Job:
    """Any job, in any state; of other code, read from RQ, where the owner is empty."""
    state = draw(st.sampled_from(State))
    ended = state in FINAL_STATES
    return Job(
        id=draw(ids if owner else rq_ids),
        type=draw(texts),
        state=state,
        rq_status=draw(st.sampled_from(RQ_WORDS[state])),
        queue=draw(texts),
        created_at=draw(moments),
        owner=owner,
        progress=draw(st.none() | st.integers(0, 100)),
        message=draw(st.none() | texts),
        attempts=draw(st.integers(0, 100)),
        max_attempts=draw(st.integers(1, 100)),
        started_at=draw(st.none() | moments),
        ended_at=draw(moments) if ended else None,
        updated_at=draw(moments),
        expires_at=draw(moments) if ended else None,
        stalled_reason=draw(st.none() | texts),
        result=_encoded(draw(results)) if state is State.SUCCEEDED else None,
        error=draw(failures) if state in (State.FAILED, State.CANCELLED) else None,
        context=_encoded(draw(contexts)),
        original_id=draw(st.none() | ids),
    )


def job(state: State, **fields: Any) -> Job:
    """A job in a state, created at noon, with the fields that a test names."""
    defaults = {
        "id": "019cb8e0-7c00-7e5a-b5a3-6f8e21d4c0aa",
        "type": "AI_PREVIEW",
        "state": state,
        "rq_status": RQ_WORDS[state][0],
        "queue": "pollable",
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
        "owner": "somebody",
    }
    return Job(**{**defaults, **fields})
