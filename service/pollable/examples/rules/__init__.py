"""The screening rules: which words raise which finding under which regulation."""

from __future__ import annotations

from pollable.examples.rules import accounts, claims, credit
from pollable.examples.rules.rule import Priority, Rule

RULES: tuple[Rule, ...] = (*accounts.RULES, *credit.RULES, *claims.RULES)

__all__ = ["RULES", "Priority", "Rule"]
