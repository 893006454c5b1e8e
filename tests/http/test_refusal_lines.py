"""Refused requests in the log: each says why, quotes nothing, and many are few lines."""

import time

from tests.http.calling import Deployment
from tests.http.logged import Log


def test_a_refusal_says_why_and_quotes_nothing(deployment: Deployment, log: Log) -> None:
    deployment.post("/jobs", {"type": "generate_assessment", "payload": {"text": "", "questions": "secret"}})
    deployment.get("/jobs/secret-id?x=secret")
    first, second = [line for line in log.lines if line["logger"] == "pollable.access"]
    assert (first["status"], first["code"]) == (422, "invalid_payload")
    assert first["reason"] == "The body does not fit the schema"
    assert (second["code"], second["status"], second["refusals"]) == ("job_not_found", 404, 2)
    assert str(log.lines).count("secret") == str(log.lines).count("/jobs/secret-id")


def test_a_flood_of_refusals_is_few_lines_that_say_how_many_there_were(deployment: Deployment, log: Log) -> None:
    began = time.monotonic()
    for _ in range(100):
        deployment.get("/nothing")
    numbers = [line["refusals"] for line in log.lines if line["logger"] == "pollable.access"]
    assert numbers == sorted(numbers)
    assert numbers[:20] == list(range(1, 21))
    assert len(numbers) <= 20 * (time.monotonic() - began + 2)
    assert len(numbers) < 100
