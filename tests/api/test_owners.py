"""A job that one's own code submits for a user is read over HTTP with that user's token, and with no other's."""

import time
from contextlib import closing
from typing import Any

import jwt
import msgspec
import pytest
import redis

from pollable import Owner
from pollable.auth.issuer import issuer_name
from pollable.cli import issued_tokens
from pollable.errors import InvalidParameter
from pollable.settings import Settings
from tests.api.faces import Faces

SECRET = "a-secret-of-thirty-two-characters-or-more"


def token(subject: str, **claims: Any) -> str:
    return "Bearer " + jwt.encode({"sub": subject, "exp": int(time.time()) + 600, **claims}, SECRET, algorithm="HS256")


def status(faces: Faces, job_id: str, authorization: str) -> int:
    return faces.http.get(f"/jobs/{job_id}", authorization=authorization).status_code


@pytest.mark.parametrize("issuer", [None, "https://id.example"])
def test_a_users_token_reads_what_was_submitted_for_the_user(settings: Settings, issuer: str | None) -> None:
    protected = msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET, jwt_issuer=issuer)
    claims = {"iss": issuer} if issuer else {}
    with closing(Faces(protected)) as faces:
        job = faces.jobs.submit("anything", 1, owner="alice")
        answer = faces.http.post("/jobs", {"type": "anything", "payload": 2}, authorization=token("alice", **claims))
        assert status(faces, job.id, token("alice", **claims)) == 200
        assert status(faces, job.id, token("bob", **claims)) == 404
        assert {each.id for each in faces.jobs.list(owner="alice")} == {job.id, answer.json()["id"]}
        assert status(faces, faces.jobs.submit("anything", 3).id, token("alice", **claims)) == 404


def test_an_issuer_that_the_settings_do_not_name_is_said(settings: Settings) -> None:
    protected = msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET)
    with closing(Faces(protected)) as faces:
        job = faces.jobs.submit("anything", 1, owner=Owner.of("alice", issuer="https://id.example"))
        assert status(faces, job.id, token("alice", iss="https://id.example")) == 200
        assert status(faces, job.id, token("alice")) == 404


def test_a_personal_access_token_reads_what_was_submitted_for_its_subject(
    settings: Settings, redis_client: redis.Redis
) -> None:
    protected = msgspec.structs.replace(settings, auth=("tokens",))
    issued, _ = issued_tokens.create(redis_client, "alice", issuer=issuer_name(protected))
    with closing(Faces(protected)) as faces:
        job = faces.jobs.submit("anything", 1, owner="alice")
        assert status(faces, job.id, f"Bearer {issued}") == 200


def test_without_authentication_everybody_reads_what_is_nobodys(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 1)
    assert faces.http.get(f"/jobs/{job.id}").status_code == 200
    assert [each["id"] for each in faces.http.get("/jobs").json()["jobs"]] == [job.id]


def test_an_owner_is_passed_on_by_the_name_that_jobs_carry(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 1, owner="alice")
    follower = faces.jobs.submit("anything", 2, owner=Owner(job.owner))
    assert follower.owner == job.owner == faces.http.start(job.id).owner == faces.jobs.owner_name("alice")
    assert faces.jobs.get(follower.id, owner="alice").id == follower.id


@pytest.mark.parametrize("subject", ["", "a\0b", "x" * 256, "two\nlines"], ids=["empty", "nul", "long", "lines"])
def test_a_subject_that_no_token_can_have_is_refused(faces: Faces, subject: str) -> None:
    with pytest.raises(InvalidParameter, match="printable text of 1 to 255 characters"):
        faces.jobs.submit("anything", 1, owner=subject)
