"""Tables and documents in the store, each with its hash: damage is found when they are read."""
