"""Faults on purpose: `make chaos`. One journal, one poller and five invariants for every scenario."""
