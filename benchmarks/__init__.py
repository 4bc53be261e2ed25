"""What planning costs, measured; run with ``make bench``."""
