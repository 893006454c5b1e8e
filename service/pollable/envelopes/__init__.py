"""The six APIs over the normalized job; each file is one, `envelope` is what they have in common."""
