"""Pictures that were made before: what is kept, for how long, and what a bad disk costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.images.cache import ImageCache, hash_of
from services.images.folder import Folder
from services.images.index import Index, Named
from tests.testkit.images import Internet, Start, picture
from tests.testkit.wait import eventually


def test_what_was_not_used_for_longest_goes_first() -> None:
    index = Index(max_bytes=2 * 4_096)
    index.put("x", Named("X", 0.0), 100)
    index.put("y", Named("Y", 0.0), 4_096)
    index.find("x")

    gone = index.put("z", Named("Z", 0.0), 1)

    assert [(content, set(names)) for content, names in gone] == [("Y", {"y"})]
    assert (index.size, len(index)) == (2 * 4_096, 2)
    assert index.find("y") is None


def test_a_picture_of_several_addresses_is_kept_once() -> None:
    index = Index(max_bytes=10 * 4_096)
    for name in ("x", "y"):
        index.put(name, Named("X", 0.0), 5_000)

    assert (index.size, len(index)) == (2 * 4_096, 1)
    assert [(c, set(n)) for c, n in index.put("x", Named("Z", 1.0), 10)] == []
    assert [(c, set(n)) for c, n in index.put("y", Named("Z", 1.0), 10)] == [("X", set())]
    assert (index.size, len(index)) == (4_096, 1)


async def opened(path: Path, max_bytes: int = 1 << 20) -> ImageCache:
    cache = ImageCache(Folder(path), max_bytes, memory_bytes=1)
    await cache.open()
    return cache


def files(path: Path) -> list[str]:
    return sorted(found.name for found in path.rglob("*") if not found.is_dir())


async def test_pictures_outlive_their_service_and_damaged_ones_do_not(tmp_path: Path) -> None:
    x, y = hash_of(b"x"), hash_of(b"y")
    before = await opened(tmp_path)
    for name, body in ((x, b"picture"), (y, b"another")):
        await before.put(name, body)
    (tmp_path / "names" / x[:2] / "0123.tmp").symlink_to("nowhere")
    damaged = tmp_path / "contents" / hash_of(b"another")[:2] / f"{hash_of(b'another')}.webp"
    damaged.write_bytes(b"anothex")

    after = await opened(tmp_path)

    found = await after.find(x)
    assert found is not None
    assert found[1] == b"picture"
    assert await after.find(y) is None
    assert files(tmp_path) == sorted([x, f"{hash_of(b'picture')}.webp"])


async def test_the_folder_never_holds_more_than_its_bound(tmp_path: Path) -> None:
    cache = await opened(tmp_path, max_bytes=3 * 4_096)

    for at in range(10):
        await cache.put(hash_of(b"%d" % at), b"picture %d" % at)

    assert (cache.images, cache.size, cache.evicted) == (3, 3 * 4_096, 7)
    assert len(files(tmp_path)) == 6  # a picture and its link each
    smaller = await opened(tmp_path, max_bytes=4_096)
    assert smaller.images == 1
    assert len(files(tmp_path)) == 2


async def test_what_another_service_removed_is_no_error(tmp_path: Path) -> None:
    cache = await opened(tmp_path)
    for name in ("x", "y"):  # of two, the one used before is on disk alone
        await cache.put(hash_of(name.encode()), name.encode())
    await (await opened(tmp_path, max_bytes=1)).put(hash_of(b"z"), b"z")

    assert await cache.find(hash_of(b"x")) is None
    assert cache.errors == 0


@pytest.mark.parametrize("broken", ["contents", "names", ""])
async def test_a_disk_that_refuses_costs_no_answer(
    start: Start, internet: Internet, tmp_path: Path, broken: str
) -> None:
    internet.upstream.answer("/a", picture(), content_type="image/png")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / broken / ("" if broken else "in")).parent.mkdir(exist_ok=True)
    target = folder / broken if broken else tmp_path / "file"
    if target.is_dir():
        target.rmdir()
    target.write_bytes(b"no folder")

    served = await start(images_dir=folder if broken else target)

    assert (await served.show(internet.url("/a"))).status_code == 200
    assert (await served.get("A")).status_code == 200  # from memory
    assert internet.upstream.calls["/a"] == 1
    assert served.images.cache.errors > 0


async def test_an_old_picture_is_served_and_fetched_again(start: Start, internet: Internet) -> None:
    served = await start(images_keep_hours=1e-6)
    internet.upstream.answer("/a", picture(colour=(255, 0, 0)), content_type="image/png")
    first = await served.show(internet.url("/a"))
    internet.upstream.answer("/a", picture(colour=(0, 0, 255)), content_type="image/png")

    assert (await served.get("A")).content == first.content

    async def changed() -> bool:
        return (await served.get("A")).content != first.content

    assert await eventually(changed)
    internet.upstream.answer("/a", b"", status=404)
    for _ in range(3):
        assert (await served.get("A")).status_code == 200
