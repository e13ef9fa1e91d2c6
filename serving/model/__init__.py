"""Which model answers: it follows the release log and swaps engines between two requests."""
