"""Airflow as Dagster sees it: its DAG as an asset, its runs as events."""
