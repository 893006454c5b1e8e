"""Workers: how a job is claimed, run, watched and ended."""
