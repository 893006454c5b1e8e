"""The HTTP side: routes, the hot poll, the other verbs, refusals."""
