"""From one's own Python: `Jobs` and `AsyncJobs`, beside HTTP and by the same scripts."""
