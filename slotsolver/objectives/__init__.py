"""The objectives: one module each, a linear expression to minimise."""
