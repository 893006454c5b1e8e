"""Jobs as callers see them: read, changed, and put back on their way."""
