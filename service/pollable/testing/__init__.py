"""Tests of one's own jobs: the pytest plugin of `docs/testing.md`."""

WORKER = "pollable.testing.worker"
"""The worker process of a test run, by its module's name: it loads what the tests have no use for."""
AT_ONCE = "--at-once"
"""Told to it where another attempt begins at once."""
