"""Starts the compose stack and tries it out: `python3 docker/check_stack.py [CHECK…]`.

`chain` (the default) follows photos through it: Airflow uploads, Dagster sees it, takes the photos
in, trains a tiny model and publishes it, the API answers with that very model, the web page shows
it. `restarts` restarts every service in turn, and all at once, while photos come in. `backup`
saves the stack, empties it, brings it back and compares. `rotation` replaces every secret in
`.env`. None but `chain` is for a stack that somebody uses.

Needs Python 3.11, Docker with compose, and the ports of `.env`; an empty drop folder gets generated
photos. `COMPOSE_FILE` may name override files, as for compose itself. The stack stays up. Ends with
1 at the first step that fails; on a stack that has a good model already, the gate may refuse the
tiny one.
"""

import argparse

from checks import backup, chain, images, restarts, rotation
from checks.compose import start
from checks.steps import say, step

CHECKS = {
    "chain": chain.check,
    "restarts": restarts.check,
    "backup": backup.check,
    "rotation": rotation.check,
}


def main() -> None:
    """Do the checks one after the other."""
    parser = argparse.ArgumentParser(description="Try out the compose stack.")
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=" | ".join(CHECKS))
    chosen = parser.parse_args().checks or ["chain"]
    for name in chosen:
        if name not in CHECKS:
            parser.error(f"there is no check {name!r}; choose of {', '.join(CHECKS)}")
    step("every service is healthy", start)
    step("the images are of a fair size", images.check)
    for name in chosen:
        say(f"-- {name}")
        CHECKS[name]()
    say("All steps passed.")


if __name__ == "__main__":
    main()
