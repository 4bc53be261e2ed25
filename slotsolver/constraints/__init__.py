"""The policies: one module per rule, the only place where a rule becomes rows of the model."""
