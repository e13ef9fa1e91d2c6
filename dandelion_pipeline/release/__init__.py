"""Published models: bundles, the release log, decisions, promotion. All that `serving` may know.

In: the files of a model. Out: a bundle whose hashes are verified, and which one is live.
"""
