"""Wrong code on purpose, one small change at a time: `python -m tests.mutants` (`make mutants`)."""
