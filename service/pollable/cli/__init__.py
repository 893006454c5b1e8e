"""What the command does beside serving."""

EXAMPLES = "pollable.examples.everything"
