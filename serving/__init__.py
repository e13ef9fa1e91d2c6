"""The REST API, its client and its web app. No torch, no Dagster.

A request goes through `process`, `middleware`, `api` and `inference`; `model` follows the release
log, and `records` keeps what was answered.
"""
