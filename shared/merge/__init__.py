"""Merging readings into rows, and telling why. Pure; the aggregator and the api use it alike."""
