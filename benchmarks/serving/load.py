"""Requests per second beside plain FastAPI with torch: the same ResNet18 at 224 px, same photos.

    python -m benchmarks.serving.load [seconds a cell]

Both are started in turn as a user would start them, ours with a key, limits and whatever else is on
by default, and are asked by wrk (Debian's package) over 1, 8 and 32 connections: for a thumbnail of
some 5 KB, and for a generated photo of 12 megapixels. The weights are random: they cost what
trained ones do. Then ours without HTTP: decoder and engine in one process, eight photos under way.
All of it three times, and the best of each counts: other work on the machine only ever slows down.
"""

import asyncio
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.common.servers import SIZE, Server, publish, running, tree_memory
from benchmarks.images.cleaning import large_photos, thumbnails
from dandelion_pipeline.release import bundle, log
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from serving.inference.batching import Batcher, File
from serving.model.follower import LiveModel
from serving.model.proof import proven_engine

CONNECTIONS = (1, 8, 32)
ROUNDS = 3
TARGETS = {"thumbnail": 5.5, "12 megapixels": 6.0}
_LUA = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "multipart/form-data; boundary=benchmark"
wrk.headers["Authorization"] = "Bearer {key}"
file:close()
"""
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
out = Console(width=150)


@dataclass
class Served:
    """What wrk and the system say of one server and one kind of photo."""

    rate: dict[int, float]
    median: dict[int, float]
    late: dict[int, float]
    """The 99th percentile; both in milliseconds."""


def main(seconds: int) -> None:
    """Measure, and print one table."""
    if shutil.which("wrk") is None:
        sys.exit("error: wrk is not installed\n   do: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store((folder / "store").as_uri())
        publish(store, folder / "weights.safetensors")
        photos = {
            "thumbnail": min(thumbnails(), key=lambda data: abs(len(data) - 5_000)),
            "12 megapixels": next(large_photos()),
        }
        key = secrets.token_urlsafe(24)
        scripts = {kind: script(folder, kind, data, key) for kind, data in photos.items()}
        commands = {
            "plain FastAPI": [
                "benchmarks.peers.plain_fastapi",
                str(folder / "weights.safetensors"),
            ],
            "this": ["serving"],
        }
        environment = {
            "DANDELION_STORE_URL": store.url,
            "DANDELION_HOME": str(folder / "home"),
            "DANDELION_API_KEYS": key,
        }
        rounds: dict[tuple[str, str], list[Served]] = defaultdict(list)
        alone: dict[str, float] = defaultdict(float)
        for _ in range(ROUNDS):
            for contender, command in commands.items():
                with running(command, environment, photos["thumbnail"], key) as server:
                    idle = tree_memory(server.pid) / 1e6
                    for kind, path in scripts.items():
                        rounds[contender, kind].append(asked(server, path, seconds))
                    memory = f"{idle:.0f} MB idle, {tree_memory(server.pid) / 1e6:.0f} MB later"
                    first = f"first answer after {server.first_answer:.2f} s"
                    out.print(f"{contender}: {first}, {memory}")
            for kind, data in photos.items():
                alone[kind] = max(alone[kind], without_http(store, data, seconds))
    found = {whose: best(served) for whose, served in rounds.items()}
    show(found, alone, {kind: len(data) for kind, data in photos.items()})


def best(rounds: Sequence[Served]) -> Served:
    """Of each number of connections, the round with the highest rate."""
    found = Served({}, {}, {})
    for n in CONNECTIONS:
        served = max(rounds, key=lambda one: one.rate[n])
        found.rate[n], found.median[n] = served.rate[n], served.median[n]
        found.late[n] = served.late[n]
    return found


def script(folder: Path, kind: str, photo: bytes, key: str) -> Path:
    """What tells wrk to post a photo."""
    body = folder / f"{kind}.body".replace(" ", "-")
    body.write_bytes(
        b'--benchmark\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n--benchmark--\r\n"
    )
    path = body.with_suffix(".lua")
    path.write_text(_LUA.format(body=body, key=key))
    return path


def asked(
    server: Server, path: Path, seconds: int, connections_tried: Sequence[int] = CONNECTIONS
) -> Served:
    """Ask a server over each number of connections."""
    served = Served({}, {}, {})
    for connections in connections_tried:
        threads = str(min(2, connections))
        command = ["wrk", "-t", threads, "-c", str(connections), "-d", f"{seconds}s"]
        url = f"http://127.0.0.1:{server.port}/predict"
        done = subprocess.run(  # noqa: S603
            [*command, "--timeout", "30s", "--latency", "-s", str(path), url],
            capture_output=True,
            text=True,
            check=True,
        )
        if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
            sys.stderr.write(done.stdout)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        served.rate[connections] = float(rate[1]) if rate else 0
        served.median[connections] = latency(done.stdout, "50%")
        served.late[connections] = latency(done.stdout, "99%")
    return served


def latency(text: str, share: str) -> float:
    """Milliseconds, from what wrk prints."""
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)\b", text)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")


def without_http(store: Store, photo: bytes, seconds: int) -> float:
    """Photos per second of decoder and engine, eight under way at any moment."""
    release = log.live(store)
    opened = bundle.open_bundle(store, release.version, release.manifest_sha256)
    model = LiveModel(release, proven_engine(opened, "int8"))

    async def ask() -> float:
        batcher = Batcher(128, 60)
        batcher.start()
        began, answered = time.perf_counter(), 0

        async def again_and_again() -> None:
            nonlocal answered
            while time.perf_counter() - began < seconds:
                await batcher.classify(model, File(len(photo), lambda: photo))
                answered += 1

        await asyncio.gather(*(again_and_again() for _ in range(8)))
        rate = answered / (time.perf_counter() - began)
        await batcher.stop()
        return rate

    return asyncio.run(ask())


def show(
    found: Mapping[tuple[str, str], Served],
    alone: Mapping[str, float],
    sizes: Mapping[str, int],
) -> None:
    """One table."""
    table = Table(
        *("photo", "connections", "plain: requests/s", "median, 99 %", "this: requests/s"),
        *("median, 99 %", "x", "target", "share of no HTTP"),
        title=f"ResNet18 at {SIZE} px; {processor()}",
    )
    for kind, target in TARGETS.items():
        plain, ours = found["plain FastAPI", kind], found["this", kind]
        for n in CONNECTIONS:
            judged = n == 8  # noqa: PLR2004  as the targets are given
            table.add_row(
                f"{kind}, {sizes[kind] / 1e3:.0f} KB",
                f"{n}",
                f"{plain.rate[n]:.0f}",
                f"{plain.median[n]:.1f}, {plain.late[n]:.1f} ms",
                f"{ours.rate[n]:.0f}",
                f"{ours.median[n]:.1f}, {ours.late[n]:.1f} ms",
                f"{ours.rate[n] / (plain.rate[n] or float('nan')):.2f}",
                f"{target}" if judged else "",
                f"{ours.rate[n] / alone[kind]:.2f}" if judged else "",
            )
    out.print(table)


def processor() -> str:
    """Its name, and the instructions for small numbers that it has."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text)
    flags = set((re.search(r"flags\s*: (.*)", text) or ["", ""])[1].split())
    able = [flag for flag in ("avx2", "avx512_vnni", "avx512_bf16", "amx_int8") if flag in flags]
    return f"{model[1] if model else 'unknown'}, {' '.join(able)}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
