"""How runs are launched, limited, retried, recovered, and reported."""
