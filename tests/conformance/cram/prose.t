Nothing to run.
