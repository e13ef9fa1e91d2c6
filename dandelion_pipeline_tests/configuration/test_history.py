import pytest

from dandelion_pipeline.configuration.document import Configuration
from dandelion_pipeline.configuration.history import (
    configuration,
    configure,
    gate_since,
    highest,
    history,
    in_force,
)
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store


def choose(store: Store, **changes: int | float) -> None:
    chosen = configuration(store).changed({k.replace("__", "."): v for k, v in changes.items()})
    configure(store, chosen, after=highest(store), who="ann", why="a trial")


def test_the_newest_decision_holds_and_the_older_ones_are_kept(store: Store) -> None:
    assert (in_force(store), configuration(store), history(store)) == (None, Configuration(), [])
    choose(store, training__size=224)
    choose(store, training__seed=1)
    assert configuration(store).chosen() == {"training.size": 224, "training.seed": 1}
    assert [entry.configuration.chosen() for entry in history(store)] == [
        {"training.size": 224},
        {"training.size": 224, "training.seed": 1},
    ]


def test_of_two_people_who_decide_at_once_the_second_looks_again(store: Store) -> None:
    choose(store, training__size=224)
    with pytest.raises(SettingsError, match="somebody else changed it at the same time"):
        configure(store, Configuration(), after=0, who="bob", why="back to the defaults")
    assert configuration(store).chosen() == {"training.size": 224}


def test_a_decision_says_why(store: Store) -> None:
    with pytest.raises(SettingsError, match="the reason: it is empty"):
        configure(store, Configuration(), after=0, who="ann", why=" ")


def test_a_damaged_configuration_is_an_error_that_names_it_and_the_next_one_holds(
    store: Store,
) -> None:
    choose(store, training__size=224)
    store.put(layout.configuration(1), b"{}")
    with pytest.raises(
        SettingsError, match=r"configurations/00000001\.json.*dandelion config appl"
    ):
        configuration(store)
    configure(store, Configuration(), after=highest(store), who="ann", why="a repair")
    assert configuration(store) == Configuration()


def test_the_gate_is_as_old_as_the_last_change_of_its_limits(store: Store) -> None:
    choose(store, training__size=224)
    assert gate_since(store) == ""
    choose(store, gate__significance=0.1)
    changed = history(store)[-1].when
    choose(store, training__size=112)
    assert gate_since(store) == changed


def test_a_damaged_older_configuration_hides_nothing_of_how_old_the_gate_is(store: Store) -> None:
    choose(store, gate__significance=0.1)
    choose(store, training__size=224)
    since = history(store)[-1].when
    store.put(layout.configuration(1), b"{}")
    assert gate_since(store) == since  # what was before nobody knows: it may have been another gate
    store.delete(layout.configuration(1))
    assert gate_since(store) == since
