"""Why there is no plan, what would help, and what binds where there is one."""
