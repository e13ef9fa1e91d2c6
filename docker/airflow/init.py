"""Makes Airflow's two users as .env says, after `airflow db migrate`.

Runs at every `docker compose up`; a second run changes nothing unless .env changed. Not done by
`airflow users`, because arguments show in the process list.
"""

import os
import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers_manager import ProvidersManager

USERS = (
    ("AIRFLOW_ADMIN_USER", "AIRFLOW_ADMIN_PASSWORD", "Admin"),
    ("DANDELION_AIRFLOW_USER", "DANDELION_AIRFLOW_PASSWORD", "Viewer"),
)


def main() -> None:
    """Make both users, or give them the passwords of .env again."""
    ProvidersManager().initialize_providers_configuration()
    with get_application_builder() as builder:
        for name_variable, password_variable, role_name in USERS:
            name, password = os.environ[name_variable], os.environ[password_variable]
            ensure_user(builder.sm, name, password, role_name)


def ensure_user(manager, name: str, password: str, role_name: str) -> None:  # noqa: ANN001
    """Make one user with one role; if there is one, give it that role and password."""
    role = manager.find_role(role_name)
    user = manager.find_user(username=name)
    if user is None:
        user = manager.add_user(name, name, "-", f"{name}@localhost", role, password)
    elif user.roles != [role]:
        user.roles = [role]
        manager.update_user(user)
    if not user or not manager.reset_password(user.id, password):
        sys.exit(f"error: the user {name} cannot be made\n   do: docker compose logs airflow-init")
    sys.stdout.write(f"The user {name} is ready, as {role_name}.\n")


if __name__ == "__main__":
    main()
