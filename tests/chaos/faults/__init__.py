"""Deliberate faults in the product that the auditor must catch: `python -m tests.chaos.faults`."""
