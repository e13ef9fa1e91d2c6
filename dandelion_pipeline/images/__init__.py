"""From bytes to pixels, and where photos come from."""
