"""Live view: the latency that seccam adds to a camera's own, and its processor time, compared with `motion`."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import report
from bench.chain import Chain, await_port, chain, cpu_seconds, python, running
from tests.brokers import free_port

FPS = 15
SECONDS = 60.0
_WARM_UP = 10.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the time at which a picture was made until a client has all of it."""

    pictures: int
    median: float
    p99: float


@dataclass(frozen=True)
class Result:
    """The measurements of one run."""

    direct: Latency
    seccam: Latency
    motion: Latency | None
    #: Processor cores used, by part; with `motion` if it is installed.
    cpu: dict[str, float]


def _latency(milliseconds: list[float]) -> Latency:
    quantiles = statistics.quantiles(milliseconds, n=100)
    return Latency(len(milliseconds), quantiles[49], quantiles[98])


def _read(file: Path) -> list[tuple[int, int, int]]:
    return [(int(a), int(b), int(c)) for a, b, c in (line.split() for line in file.read_text().splitlines())]


def stamped(file: Path) -> Latency:
    """The latency of a stream whose pictures have their comment."""
    return _latency([(arrived - born) / 1e6 for _, born, arrived in _read(file)])


def numbered(file: Path, births: dict[int, list[int]]) -> Latency:
    """The latency of a stream whose pictures have only their number: each counts as the newest picture with that number."""
    latencies = []
    for number, _, arrived in _read(file):
        before = [born for born in births.get(number, []) if born < arrived]
        if before:
            latencies.append((arrived - max(before)) / 1e6)
    return _latency(latencies)


def _motion_configuration(folder: Path, camera: str, port: int) -> Path:
    file = folder / "motion.conf"
    lines = {
        "daemon": "off",
        "netcam_url": camera,
        "width": 1280,
        "height": 720,
        "framerate": FPS,
        "picture_output": "off",
        "movie_output": "off",
        "stream_port": port,
        "stream_localhost": "on",
        "stream_maxrate": FPS,
        "webcontrol_port": 0,
        "target_dir": folder,
    }
    file.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    return file


def measure(seconds: float = SECONDS) -> Result:
    """Read the camera directly, through seccam and through motion, all at the same time."""
    folder = Path(tempfile.mkdtemp(prefix="seccam-bench-"))
    port, motion_port = free_port(), free_port()
    camera = f"http://127.0.0.1:{port}/"
    urls = {"direct": camera}
    processes: dict[str, psutil.Process] = {}
    with ExitStack() as stack:
        stack.enter_context(running(*python("bench.source", str(port), str(FPS))))
        await_port(port)
        seccam = stack.enter_context(chain(folder / "seccam", f"bench={camera}", SECCAM_LOCAL_WORKERS="0"))
        urls["seccam"] = f"{seccam.address}/cameras/bench/stream.mjpeg"
        if shutil.which("motion"):
            configuration = _motion_configuration(folder, camera, motion_port)
            started = stack.enter_context(running("motion", "-n", "-c", str(configuration)))
            await_port(motion_port)
            processes["motion"] = psutil.Process(started.pid)
            urls["motion"] = f"http://127.0.0.1:{motion_port}/"
        time.sleep(_WARM_UP)
        readers = [
            subprocess.Popen(python("bench.reader", url, str(seconds), str(folder / f"{name}.txt"))) for name, url in urls.items()
        ]
        began, before = time.monotonic(), _used(seccam, processes)
        time.sleep(seconds)
        after, passed = _used(seccam, processes), time.monotonic() - began
        for reader in readers:
            reader.wait(60)
    births: dict[int, list[int]] = {}
    for number, born, _ in _read(folder / "direct.txt"):
        births.setdefault(number, []).append(born)
    return Result(
        direct=stamped(folder / "direct.txt"),
        seccam=stamped(folder / "seccam.txt"),
        motion=numbered(folder / "motion.txt", births) if "motion" in urls else None,
        cpu={name: (after[name] - before[name]) / passed for name in after},
    )


def _used(seccam: Chain, others: dict[str, psutil.Process]) -> dict[str, float]:
    """Processor seconds by part, including the other processes."""
    return {**seccam.cpu_seconds(), **{name: cpu_seconds(process) for name, process in others.items()}}


def section(result: Result) -> str:
    """The results as a section of docs/benchmarks.md."""
    above_median, above_p99 = result.seccam.median - result.direct.median, result.seccam.p99 - result.direct.p99
    cores = sum(result.cpu[part] for part in ("camera", "monitor", "broker"))
    lines = [
        "## Live view",
        "",
        f"An HTTP MJPEG camera, 1280×720 at {FPS} frames per second, stamps each picture with the time. Three clients read it",
        f"for {SECONDS:.0f} s at the same time: directly, through seccam (`/cameras/<name>/stream.mjpeg`), and through `motion`.",
        "Latency is from the stamp until a client has the whole picture.",
        "",
        report.HEAD,
        *(
            report.row(f"{name}: median, p99", f"{latency.median:.1f} ms, {latency.p99:.1f} ms ({latency.pictures} pictures)")
            for name, latency in (("the camera itself", result.direct), ("seccam", result.seccam), ("motion", result.motion))
            if latency
        ),
        report.row("median added by seccam", f"{above_median:.1f} ms", "≤ 5 ms", above_median <= 5),
        report.row("p99 added by seccam", f"{above_p99:.1f} ms", "≤ 15 ms", above_p99 <= 15),
        report.row("camera + monitor + broker", f"{cores:.3f} of a core", "≤ 0.08", cores <= 0.08),
        report.row("camera service alone", f"{result.cpu['camera']:.3f} of a core", "≤ 0.02", result.cpu["camera"] <= 0.02),
        *(
            report.row(f"{part} alone", f"{result.cpu[part]:.3f} of a core")
            for part in ("monitor", "broker", "motion")
            if part in result.cpu
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(section(measure()))
