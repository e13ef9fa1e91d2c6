"""From the bytes of photos to probabilities: decoding, batches, the engine, explanations."""
