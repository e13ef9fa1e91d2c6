import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.storage.records.sealed import seal, unseal

documents = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.text(max_size=20), min_size=1, max_size=5
).map(lambda fields: json.dumps(fields, indent=2, ensure_ascii=False).encode("utf-8", "replace"))


@given(documents)
def test_what_was_sealed_is_unsealed_as_it_was(document: bytes) -> None:
    sealed = seal(document)
    assert unseal(sealed) == document
    assert json.loads(sealed).items() >= json.loads(document).items() - {("seal", None)}


@given(documents, st.data())
def test_a_single_changed_byte_breaks_the_seal(document: bytes, data: st.DataObject) -> None:
    sealed = seal(document)
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != sealed[at]))
    assert unseal(sealed[:at] + bytes([other]) + sealed[at + 1 :]) is None


@given(documents, st.data())
def test_a_cut_or_an_addition_breaks_the_seal(document: bytes, data: st.DataObject) -> None:
    sealed = seal(document)
    assert unseal(sealed[: data.draw(st.integers(0, len(sealed) - 1))]) is None
    assert unseal(sealed + data.draw(st.binary(min_size=1))) is None


@given(st.binary())
def test_rubbish_has_no_seal(rubbish: bytes) -> None:
    assert unseal(rubbish) is None


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b'{"a": 1}', b"null"])
def test_only_indented_objects_can_be_sealed(document: bytes) -> None:
    with pytest.raises(ValueError, match="indented JSON object"):
        seal(document)
