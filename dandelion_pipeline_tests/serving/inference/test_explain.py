"""What the model looked at: the part that speaks for the answer is found, and nobody else waits."""

import asyncio
import io

import httpx
import numpy as np
import pytest
from PIL import Image

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi
from serving.api.schemas import Explanation
from serving.inference.batching import Busy
from serving.inference.explain import CELLS, Explainer
from serving.webapp.components.pictures import heated


def flower_at(left: int, top: int, size: tuple[int, int] = (90, 90)) -> bytes:
    """A green photo with a yellow square of 20 pixels."""
    image = Image.new("RGB", size, GREEN)
    image.paste(YELLOW, (left, top, left + 20, top + 20))
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def explained(api: httpx.Client, data: bytes, **fields: str) -> Explanation:
    response = api.post("/explain", files={"file": data}, data=fields)
    assert response.status_code == 200, response.text
    return Explanation.model_validate_json(response.content)


@pytest.mark.parametrize(("left", "top"), [(8, 8), (60, 8), (35, 60)])
def test_the_part_that_speaks_for_a_class_is_found(api: httpx.Client, left: int, top: int) -> None:
    found = explained(api, flower_at(left, top), label="dandelion")
    drops = np.array(found.drops)
    assert drops.shape == (CELLS, CELLS)
    row, column = np.unravel_index(drops.argmax(), drops.shape)
    x = found.box.left + (column + 0.5) / CELLS * found.box.width
    y = found.box.top + (row + 0.5) / CELLS * found.box.height
    assert left - 10 <= 90 * x <= left + 30
    assert top - 10 <= 90 * y <= top + 30
    answer = api.post("/predict", files={"file": flower_at(left, top)}).json()
    assert found.probability == pytest.approx(answer["probabilities"]["dandelion"])
    assert found.model.version == answer["model"]["version"]


def test_without_a_label_it_is_about_what_the_model_sees(api: httpx.Client) -> None:
    assert explained(api, photo(GREEN)).label == "grass"


def test_the_box_is_what_the_model_saw_of_a_wide_photo(api: httpx.Client) -> None:
    box = explained(api, flower_at(100, 30, (200, 100))).box
    assert box.height == pytest.approx(2 * box.width)
    assert box.left + box.width / 2 == pytest.approx(0.5)


def test_the_box_is_the_whole_photo_where_the_model_saw_all_of_it(
    store: Store, start_api: StartApi
) -> None:
    publish(store, "v", preprocessing=Preprocessing(size=32, crop=1.0, stretch=True).model_dump())
    box = explained(start_api(), flower_at(100, 30, (200, 100))).box
    assert (box.left, box.top, box.width, box.height) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("data", "label", "status"), [(b"text", "", 415), (photo(), "<oak>", 422), (b"", "grass", 422)]
)
def test_what_cannot_be_explained_gets_a_problem(
    api: httpx.Client, data: bytes, label: str, status: int
) -> None:
    response = api.post("/explain", files={"file": ("a.jpg", data)}, data={"label": label})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_few_may_wait_and_more_are_turned_away(store: Store, start_api: StartApi) -> None:
    publish(store, "first")
    url = str(start_api().base_url)

    async def ask() -> list[int]:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            asked = [client.post("/explain", files={"file": photo()}) for _ in range(40)]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    statuses = asyncio.run(ask())
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 1


def test_turning_away_happens_at_once() -> None:
    async def full() -> None:
        explainer = Explainer()
        limiter = explainer._turn
        await limiter.acquire()
        waiting = [asyncio.create_task(limiter.acquire_on_behalf_of(object())) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await explainer.explain(None, photo, "")  # type: ignore[arg-type]
        for one in waiting:
            one.cancel()

    asyncio.run(full())


def test_the_picture_is_red_where_it_matters_and_as_it_was_elsewhere(api: httpx.Client) -> None:
    drops = np.zeros((CELLS, CELLS))
    drops[1, 6], drops[7, 1] = 0.4, -0.4
    found = explained(api, photo(GREEN)).model_copy(update={"drops": drops.tolist()})
    before = Image.new("RGB", (400, 200), GREEN)
    after = heated(before, found)
    assert after.size == before.size
    box = found.box
    x = 400 * (box.left + 6.5 / CELLS * box.width)
    y = 200 * (box.top + 1.5 / CELLS * box.height)
    assert red_of(after, x, y) > 150
    assert red_of(after, 130, 150) == GREEN[0]
    assert red_of(heated(before, found.model_copy(update={"drops": [[0.0]]})), x, y) == GREEN[0]


def red_of(image: Image.Image, x: float, y: float) -> int:
    return int(np.asarray(image)[round(y), round(x), 0])
