"""Batch what-if: one definition, thousands of scenarios, one table."""
