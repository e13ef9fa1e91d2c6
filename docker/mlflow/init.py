"""Brings the tables of MLflow's database to the version that is installed here.

Runs at every `docker compose up`; a second run changes nothing. The URL does not go through
arguments, because those show in the process list.
"""

import os

from mlflow.db import commands

commands(["upgrade", os.environ["MLFLOW_BACKEND_STORE_URI"]])
