"""Merging readings into rows, and explaining why. Pure; the aggregator and the api use it alike."""
