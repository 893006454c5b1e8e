"""Real jobs to run, to read and to copy: one module for each kind of API."""
