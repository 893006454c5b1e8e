"""Redis: connections, keys, scripts, and what is asked in batches."""
