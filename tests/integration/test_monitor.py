"""The monitor as a process, with a real broker."""

from __future__ import annotations

import itertools
import json
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from websockets.exceptions import InvalidStatus

from seccam import topology
from tests.brokers import RunningBroker, free_port
from tests.integration.monitors import Camera, RunningMonitor, Sender, end_of, first_picture, messages, noise, picture, running, say
from tests.processes import resident
from tests.waiting import eventually

HEADER = struct.Struct("<BBHIdHH")


@pytest.fixture(scope="module")
def monitor(running_broker: RunningBroker) -> Iterator[RunningMonitor]:
    running_broker.ensure_running()
    running_broker.empty()
    with running(running_broker) as monitor:
        yield monitor


@pytest.fixture
def sender(running_broker: RunningBroker) -> Iterator[Sender]:
    sender = Sender(running_broker)
    yield sender
    sender.close()


def test_a_picture_is_served_as_it_was_published(monitor: RunningMonitor, sender: Sender) -> None:
    jpeg = picture(10)
    sender.status("plain")
    eventually(lambda: monitor.camera("plain"))
    sender.view("plain", jpeg)

    assert eventually(lambda: monitor.snapshot("plain")) == jpeg
    camera = monitor.camera("plain")
    assert camera is not None
    assert (camera["state"], camera["size"], camera["zone"]) == ("live", [160, 90], "Europe/Berlin")
    assert 0 <= camera["age_s"] < 5
    assert monitor.http.get(camera["snapshot"]).headers["content-type"] == "image/jpeg"


def test_the_page_gets_hello_then_what_it_watches(monitor: RunningMonitor, sender: Sender) -> None:
    jpeg = picture(20)
    sender.view("socket", jpeg)
    eventually(lambda: monitor.snapshot("socket"))
    with monitor.socket() as page:
        hello = json.loads(page.recv())
        assert (hello["type"], hello["v"]) == ("hello", 1)
        index = next(c["i"] for c in hello["cams"] if c["name"] == "socket")
        say(page, "ping", c=12.5)
        pong = next(messages(page, "pong"))
        assert pong["c"] == 12.5
        say(page, "watch", cams=[index, 60000])
        body = first_picture(page)
        kind, flags, i, _, captured, width, height = HEADER.unpack(body[:20])
        assert (kind, flags, i, width, height) == (1, 0, index, 160, 90)
        assert hello["now"] - 60_000 < captured <= pong["s"]
        assert body[20:] == jpeg
        sender.view("socket", jpeg)  # one that was shown once is live for two seconds
        live = (m for m in messages(page, "status") if [row[1] for row in m["c"] if row[0] == index] == ["live"])
        assert next(live)["broker"] is True


def test_a_bare_jpeg_from_mqtt_is_a_camera(running_broker: RunningBroker, monitor: RunningMonitor) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set(topology.DEVICE_USER, running_broker.node.passwords()[topology.DEVICE_USER])
    client.connect("127.0.0.1", running_broker.ports.mqtt)
    client.loop_start()
    try:
        client.publish("seccam/view/esp32", picture(30)).wait_for_publish(10)
        assert eventually(lambda: monitor.snapshot("esp32")) == picture(30)
        client.publish("seccam/view/esp32", picture(31)).wait_for_publish(10)
        eventually(lambda: monitor.snapshot("esp32") == picture(31))
    finally:
        client.disconnect()
        client.loop_stop()
    with monitor.socket() as page:
        hello = json.loads(page.recv())
        say(page, "watch", cams=[next(c["i"] for c in hello["cams"] if c["name"] == "esp32")])
        body = first_picture(page)
        assert HEADER.unpack(body[:20])[1] == 2  # it sends no time


def test_single_pictures_of_new_cameras_are_shown_next_to_a_busy_camera(
    running_broker: RunningBroker, monitor: RunningMonitor, sender: Sender
) -> None:
    names = [f"bare{i}" for i in range(8)]
    with Camera(running_broker, "busy", [picture(1), picture(2)]):
        eventually(lambda: monitor.snapshot("busy"))
        for i, name in enumerate(names):
            sender.view(name, picture(100 + i))
        for i, name in enumerate(names):
            assert eventually(partial(monitor.snapshot, name)) == picture(100 + i)


def test_a_new_camera_is_found_behind_many_frames_of_refused_names(monitor: RunningMonitor, sender: Sender) -> None:
    for number in range(60):
        sender.publish(f"seccam.view.No_Such_Name_{number}", picture(number))
    sender.view("behind", picture(33))
    began = time.monotonic()
    assert eventually(lambda: monitor.snapshot("behind")) == picture(33)  # a second frame of it would hide a loss of this one
    assert time.monotonic() - began < 3


def test_a_monitor_leaves_nothing_in_the_broker(running_broker: RunningBroker, sender: Sender) -> None:
    def exchanges() -> set[str]:
        return {line for line in running_broker.node.ctl("list_exchanges", "name").split() if line.startswith(topology.ROUTERS)}

    before = exchanges()
    with running(running_broker) as monitor:
        sender.view("brief", picture(5))
        eventually(lambda: monitor.snapshot("brief"))
        assert len(exchanges() - before) == 2
    eventually(lambda: exchanges() <= before, within=60, every=1.0)


def test_ffmpeg_plays_the_stream(running_broker: RunningBroker, monitor: RunningMonitor) -> None:
    with Camera(running_broker, "film", [picture(40), picture(200)]):
        eventually(lambda: monitor.snapshot("film"))
        played = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", f"{monitor.base}/cameras/film/stream.mjpeg", "-frames:v", "10", "-f", "framemd5", "-"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    rows = [line.split(",")[-1].strip() for line in played.stdout.splitlines() if not line.startswith("#")]
    assert len(rows) == 10
    assert len(set(rows)) == 2


def test_each_part_of_the_stream_has_its_length_and_ends_at_once(monitor: RunningMonitor, sender: Sender) -> None:
    first, second = picture(50), picture(51)
    sender.view("parts", first)
    eventually(lambda: monitor.snapshot("parts"))
    with monitor.http.stream("GET", "/cameras/parts/stream.mjpeg") as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace; boundary=")
        boundary = b"--" + answer.headers["content-type"].partition("boundary=")[2].encode() + b"\r\n"
        chunks = answer.iter_raw()

        def until(expected: bytes) -> None:
            got = b""
            while len(got) < len(expected):
                got += next(chunks)
            assert got == expected

        def part(jpeg: bytes) -> bytes:
            return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n" + boundary

        until(boundary + part(first))
        sender.view("parts", second)
        until(part(second))


def test_exif_is_removed_and_the_rest_stays(monitor: RunningMonitor, sender: Sender) -> None:
    jpeg = picture(60)
    exif = b"\xff\xe1" + struct.pack(">H", 2 + 14) + b"Exif\0\0turn me!"
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 4) + b"born"
    sender.view("exif", jpeg[:2] + exif + comment + jpeg[2:])

    assert eventually(lambda: monitor.snapshot("exif")) == jpeg[:2] + comment + jpeg[2:]


def test_bad_frames_are_counted_and_the_next_good_one_is_shown(monitor: RunningMonitor, sender: Sender) -> None:
    sender.status("broken")
    eventually(lambda: monitor.camera("broken"))
    good = picture(70)
    huge = bytearray(good)
    start_of_frame = good.index(b"\xff\xc0")
    huge[start_of_frame + 5 : start_of_frame + 9] = b"\xff\xff\xff\xff"

    def dropped(reason: str, camera: str = "broken") -> float:
        return monitor.metric("seccam_monitor_frames_dropped_total", camera=camera, reason=reason) or 0

    for reason, bad in [("corrupt", b""), ("corrupt", b"hello"), ("corrupt", good[:-100]), ("oversize", bytes(huge))]:
        before = dropped(reason)
        sender.view("broken", bad)
        eventually(partial(lambda reason, before: dropped(reason) == before + 1, reason, before))
    before = dropped("unknown_camera", "other")

    def refused() -> bool:
        sender.publish("seccam.view.No_Such_Name", good)
        return dropped("unknown_camera", "other") > before

    eventually(refused, within=30)
    sender.view("broken", good)
    assert eventually(lambda: monitor.snapshot("broken")) == good


def test_a_late_frame_does_not_replace_a_newer_one(monitor: RunningMonitor, sender: Sender) -> None:
    sender.status("order")
    eventually(lambda: monitor.camera("order"))
    key = topology.key(topology.VIEW, "order")
    now = round(time.time() * 1000)
    sender.publish(key, picture(81), {"seq": 8, "boot_id": "x", "ts_ms": now})
    eventually(lambda: monitor.snapshot("order") == picture(81))
    sender.publish(key, picture(80), {"seq": 7, "boot_id": "x", "ts_ms": now})
    eventually(lambda: monitor.metric("seccam_monitor_frames_dropped_total", camera="order", reason="stale") == 1)
    assert monitor.snapshot("order") == picture(81)


def test_a_closed_slot_takes_the_picture_away_at_once(monitor: RunningMonitor, sender: Sender) -> None:
    sender.status("shop")
    sender.view("shop", picture(90))
    eventually(lambda: monitor.snapshot("shop"))
    opens = round(time.time() * 1000) + 3_600_000
    with monitor.socket() as page:
        hello = json.loads(page.recv())
        index = next(c["i"] for c in hello["cams"] if c["name"] == "shop")
        sender.status("shop", "off", view_open=False, until=opens)
        row = next(r for m in messages(page, "status") for r in m["c"] if r[0] == index and r[1] == "off")
        assert row[2] is None
        assert row[4] == opens
    sender.view("shop", picture(91))
    eventually(lambda: monitor.metric("seccam_monitor_frames_dropped_total", camera="shop", reason="stale"))
    for path in ("snapshot.jpg", "stream.mjpeg"):
        answer = monitor.http.get(f"/cameras/shop/{path}")
        assert answer.status_code == 409
        assert "off" in answer.json()["detail"]

    sender.status("shop")
    eventually(lambda: (monitor.camera("shop") or {}).get("state") == "starting")
    sender.view("shop", picture(92))
    eventually(lambda: monitor.snapshot("shop") == picture(92))


def test_a_camera_whose_clock_is_an_hour_off_is_live_and_flagged(monitor: RunningMonitor, sender: Sender) -> None:
    ahead = round(time.time() * 1000) + 3_600_000
    sender.view("skewed", picture(95), ts_ms=ahead)
    eventually(lambda: (monitor.camera("skewed") or {}).get("state") == "live")
    eventually(lambda: monitor.metric("seccam_frames_from_future_total", camera="skewed") == 1)
    with monitor.socket() as page:
        hello = json.loads(page.recv())
        say(page, "watch", cams=[next(c["i"] for c in hello["cams"] if c["name"] == "skewed")])
        body = first_picture(page)
        assert HEADER.unpack(body[:20])[1] == 1


def test_faces_are_boxes_and_events_are_rows(monitor: RunningMonitor, sender: Sender) -> None:
    taken = round(time.time() * 1000)
    sender.view("door", picture(100), ts_ms=taken)
    eventually(lambda: monitor.snapshot("door"))
    with monitor.socket() as page:
        hello = json.loads(page.recv())
        sender.faces("door", [(1, 2, 30, 40)], ts_ms=taken)
        faces = next(messages(page, "faces"))
        assert (faces["cam"], faces["faces"], faces["boxes"], faces["size"]) == ("door", 1, [[1, 2, 30, 40]], [160, 90])
        assert faces["captured"] <= hello["now"]
        event_id = sender.event("door", 1, snapshot=picture(101))
        row = next(messages(page, "event"))
        assert (row["id"], row["cam"], row["faces"], row["late_s"]) == (event_id, "door", 2, 0)
        shown = monitor.http.get(row["picture"])
        assert (shown.status_code, shown.content) == (200, picture(101))
    assert monitor.http.get("/events").json()[0]["id"] == event_id
    assert monitor.http.get("/events/none-b1-1/picture.jpg").status_code == 404


def test_neither_pictures_nor_lists_stay_in_a_cache(monitor: RunningMonitor, sender: Sender) -> None:
    sender.view("door", picture(100))
    visit = sender.event("door", 1, snapshot=picture(101))

    for path in ("/cameras", "/events", "/cameras/door/snapshot.jpg", f"/events/{visit}/picture.jpg"):
        eventually(lambda path=path: monitor.http.get(path).status_code == 200)  # type: ignore[misc]
        assert monitor.http.get(path).headers["cache-control"] == "no-store", path


def test_events_of_several_workers_about_one_visit_make_one_row(monitor: RunningMonitor, sender: Sender) -> None:
    began = time.time() - 30
    with monitor.socket() as page:
        json.loads(page.recv())
        first, *_ = [sender.event("porch", number, taken=began + number) for number in (1, 2, 3)]
        other = sender.event("lawn", 1)
        rows = [(row["id"], row["seconds"]) for row in itertools.islice(messages(page, "event"), 4)]
        assert rows == [(first, 0), (first, 1), (first, 2), (other, 0)]
    listed = [e["id"] for e in monitor.http.get("/events").json() if e["cam"] in ("porch", "lawn")]
    assert listed == [other, first]


def test_presence_extends_a_visit_and_late_news_join_two(monitor: RunningMonitor, sender: Sender) -> None:
    began = time.time() - 200
    with monitor.socket() as page:
        json.loads(page.recv())
        rows = messages(page, "event")
        sender.presence("attic", began, began + 30)  # of a visit of which no event has come: no row
        first = sender.event("attic", 1, taken=began + 40)
        row = next(row for row in rows if row["seconds"])  # the two come in queues of their own, in any order
        assert (row["id"], row["seconds"], row["over"], row["absorbed"]) == (first, 40, True, [])
        assert row["began"] + 40_000 == pytest.approx(row["seen"])
        second = sender.event("attic", 2, taken=began + 190)
        row = next(rows)
        assert (row["id"], row["over"]) == (second, False)
        sender.presence("attic", began + 50, began + 150, gone=True)  # a worker that was cut off sends it now
        row = next(rows)
        assert (row["id"], row["seconds"], row["over"], row["absorbed"]) == (first, 190, False, [second])
    listed = [e for e in monitor.http.get("/events").json() if e["cam"] == "attic"]
    assert [(e["id"], e["seconds"], e["over"]) for e in listed] == [(first, 190, False)]


def test_a_visit_is_over_once_no_face_was_seen_for_the_gap(broker: RunningBroker) -> None:
    sender = Sender(broker)
    with running(broker, visit_gap="1") as monitor, monitor.socket() as page:
        json.loads(page.recv())
        rows = messages(page, "event")
        sender.event("porch", 1)
        assert not next(rows)["over"]
        row = next(rows)
        assert (row["over"], row["seconds"]) == (True, 0)
    sender.close()


def test_messages_that_can_not_be_read_are_counted(monitor: RunningMonitor, sender: Sender) -> None:
    for flow in (topology.STATUS, topology.FACES, topology.PRESENCE, topology.EVENTS):
        name = flow.removeprefix("seccam.")
        before = monitor.metric("seccam_monitor_messages_refused_total", flow=name)
        assert before is not None
        for body in (b"", b"{}", b"\xff", b'{"camera": "other"}'):
            sender.publish(topology.key(flow, "front"), body)
        eventually(partial(_counts, monitor, name, before + 4))


def _counts(monitor: RunningMonitor, flow: str, expected: float) -> bool:
    return monitor.metric("seccam_monitor_messages_refused_total", flow=flow) == expected


def test_a_restart_and_a_second_replica_show_the_same_last_events(broker: RunningBroker) -> None:
    sender = Sender(broker)
    began = time.time() - 120 * 100
    with running(broker) as one:
        ids = [sender.event("hall", n, snapshot=picture(n) if n % 2 else None, taken=began + n * 100) for n in range(120)]
        newest_first = ids[:-51:-1]
        eventually(lambda: [e["id"] for e in one.http.get("/events").json()] == newest_first, within=30)
        before = one.http.get("/events").json()
        with running(broker) as two:
            eventually(lambda: two.http.get("/events").json() == before, within=30)
            picture_path = next(e["picture"] for e in before if e["picture"])
            assert two.http.get(picture_path).content == one.http.get(picture_path).content
    with running(broker) as again:
        eventually(lambda: again.http.get("/events").json() == before, within=30)
        last = sender.event("hall", 500, taken=time.time())
        eventually(lambda: again.http.get("/events").json()[0]["id"] == last)
    sender.close()


def test_an_event_with_unreadable_headers_does_not_stop_the_monitor(broker: RunningBroker) -> None:
    sender = Sender(broker)
    with running(broker) as monitor:
        sender.publish_unreadable("seccam.events.hall", b"{}")
        event_id = sender.event("hall", 1)
        eventually(lambda: [e["id"] for e in monitor.http.get("/events").json()] == [event_id])
        assert monitor.metric("seccam_broker_unreadable_headers_total")
        with running(broker) as again:
            eventually(lambda: [e["id"] for e in again.http.get("/events").json()] == [event_id])
            assert again.process.poll() is None
        assert monitor.process.poll() is None
    sender.close()


def test_a_monitor_that_was_too_slow_shows_the_newest_picture_of_every_camera(broker: RunningBroker) -> None:
    names = [f"cam{n:02}" for n in range(24)]
    sender = Sender(broker)
    with running(broker, cameras=",".join(names)) as monitor:
        monitor.process.send_signal(signal.SIGSTOP)
        for round_ in range(10):
            for name in names:
                sender.view(name, noise(round_, width=320, height=180))
        newest = picture(250)
        for name in names:
            sender.view(name, newest)
        monitor.process.send_signal(signal.SIGCONT)
        eventually(lambda: all(monitor.snapshot(name) == newest for name in names), within=20)
        received = sum(monitor.metric("seccam_monitor_frames_received_total", camera=name) or 0 for name in names)
        assert received < 11 * len(names) / 2  # what was in between was dropped by the broker, not queued
    sender.close()


@pytest.mark.alone  # judges times
def test_a_viewer_that_reads_nothing_is_disconnected_and_does_not_slow_the_others(
    running_broker: RunningBroker, monitor: RunningMonitor
) -> None:
    def received() -> float:
        return monitor.metric("seccam_monitor_frames_received_total", camera="many") or 0

    with Camera(running_broker, "many", [noise(1), noise(2)]), socket.socket() as stuck:
        eventually(lambda: monitor.snapshot("many"))
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        stuck.connect(("127.0.0.1", monitor.port))
        stuck.sendall(b"GET /cameras/many/stream.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with monitor.socket() as deaf, monitor.http.stream("GET", "/cameras/many/stream.mjpeg") as good:
            hello = json.loads(deaf.recv())
            say(deaf, "watch", cams=[next(c["i"] for c in hello["cams"] if c["name"] == "many")])
            began, frames, before = time.monotonic(), 0, received()
            for chunk in good.iter_raw(65536):
                frames += chunk.count(b"Content-Length: ")
                if time.monotonic() - began > 5:
                    break
            assert frames >= 0.8 * (received() - before)
            # as many pictures as a first window holds, and never one more
            assert end_of(deaf) == (2, 4408)
        eventually(lambda: monitor.metric("seccam_monitor_viewers_closed_total", transport="mjpeg", reason="slow"), within=20)
        assert monitor.metric("seccam_monitor_viewers_closed_total", transport="websocket", reason="slow") == 1


def test_a_viewer_that_reads_slowly_gets_new_pictures(running_broker: RunningBroker, monitor: RunningMonitor) -> None:
    """Between its kernel and ours little may lie: what it reads must not get ever older."""
    with Camera(running_broker, "few", [noise(n) for n in range(30)], fps=30) as camera:
        eventually(lambda: monitor.snapshot("few"))
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        slow.connect(("127.0.0.1", monitor.port))
        slow.sendall(b"GET /cameras/few/stream.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began, got = time.monotonic(), 0
        while time.monotonic() - began < 5:
            got += len(slow.recv(20_000))
            time.sleep(0.02)  # it takes at most 1 MB a second of the 6 that are made
        made = camera.count * len(noise(0))
        assert got < made / 3
        eventually(lambda: monitor.metric("seccam_monitor_frames_skipped_total", transport="mjpeg"))
        slow.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "10.0.0.1"])
def test_an_unknown_host_name_is_refused(monitor: RunningMonitor, host: str) -> None:
    assert monitor.http.get("/cameras", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:9", "[::1]:8080"])
def test_loopback_is_allowed_under_any_of_its_names(monitor: RunningMonitor, host: str) -> None:
    assert monitor.http.get("/cameras", headers={"Host": host}).status_code == 200


def test_a_page_of_another_origin_gets_no_socket(monitor: RunningMonitor) -> None:
    for origin in ("http://evil.example", f"http://localhost:{monitor.port + 1}", "null", "file://"):
        with pytest.raises(InvalidStatus) as refused, monitor.socket(origin=origin):
            pass
        assert refused.value.response.status_code == 403
    with monitor.socket(origin=monitor.base) as page:
        assert json.loads(page.recv())["type"] == "hello"


def test_every_response_forbids_what_the_page_does_not_need(monitor: RunningMonitor) -> None:
    for path in ("/", "/cameras", "/static/main.js", "/nothing", "/cameras/nobody/snapshot.jpg"):
        headers = monitor.http.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-store" if path == "/cameras" else "no-cache")


def test_openapi_describes_the_paths(monitor: RunningMonitor) -> None:
    paths = monitor.http.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/cameras",
        "/cameras/{name}/snapshot.jpg",
        "/cameras/{name}/stream.mjpeg",
        "/events",
        "/events/{event_id}",
        "/events/{event_id}/picture.jpg",
        "/mode",
    }


@pytest.mark.parametrize(
    ("message", "code"), [("{}", 4400), ("x" * 5000, 1009), (b"\1\2", 4400), ('{"type":"watch","cams":[-1]}', 4400)]
)
def test_an_invalid_message_ends_the_connection(monitor: RunningMonitor, message: str | bytes, code: int) -> None:
    with monitor.socket() as page:
        page.send(message)
        assert end_of(page) == (0, code)


def test_the_broker_restarts_and_the_pictures_go_on(broker: RunningBroker) -> None:
    with running(broker) as monitor, monitor.socket() as page:
        sender = Sender(broker)
        sender.view("front", picture(1))
        eventually(lambda: monitor.snapshot("front"))
        broker.kill()
        lost = next(m for m in messages(page, "status") if not m["broker"])
        assert lost["since"] <= lost["now"]
        sender.close()
        assert monitor.ready()
        assert monitor.alive()
        broker.ensure_running()
        next(m for m in messages(page, "status", within=60) if m["broker"])
        sender = Sender(broker)
        eventually(lambda: (sender.view("front", picture(2)), monitor.snapshot("front") == picture(2))[1], within=60)
        last = sender.event("front", 77)
        eventually(lambda: last in [e["id"] for e in monitor.http.get("/events").json()], within=60)
        sender.close()


def test_without_the_stream_of_events_the_monitor_is_ready_shows_pictures_and_says_what_is_missing(broker: RunningBroker) -> None:
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.EVENTS_LOG)
    with running(broker) as monitor, monitor.socket() as page:
        sender = Sender(broker)
        eventually(lambda: (sender.view("front", picture(1)), monitor.snapshot("front"))[1], within=60)
        status = next(m for m in messages(page, "status") if m["broker"])
        assert status["events"] is False
        assert monitor.ready()

        broker.empty()  # it declares the stream again

        next(m for m in messages(page, "status", within=60) if m["events"])
        event = sender.event("front", 1)
        eventually(lambda: event in [e["id"] for e in monitor.http.get("/events").json()], within=60)
        sender.close()


def test_sigterm_stops_the_monitor_in_time_with_viewers_connected(running_broker: RunningBroker) -> None:
    with running(running_broker, max_viewers="4") as monitor, Camera(running_broker, "front", [noise(1), noise(2)]):
        eventually(lambda: monitor.snapshot("front"))
        stuck = socket.create_connection(("127.0.0.1", monitor.port))
        stuck.sendall(b"GET /cameras/front/stream.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with monitor.socket() as page, monitor.http.stream("GET", "/cameras/front/stream.mjpeg") as stream:
            hello = json.loads(page.recv())
            say(page, "watch", cams=[c["i"] for c in hello["cams"]])
            pictures = stream.iter_raw()
            next(pictures)
            with monitor.socket():
                assert monitor.http.get("/cameras/front/stream.mjpeg").status_code == 503
                with monitor.socket() as fifth:
                    assert end_of(fifth) == (0, 4429)
            began = time.monotonic()
            monitor.process.terminate()
            assert end_of(page)[1] == 1001
            assert monitor.process.wait(20) == 0
            assert time.monotonic() - began < 10
        stuck.close()


def test_settings_that_would_show_the_cameras_to_everybody_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seccam_monitor", "--check"],
        env={"SECCAM_MONITOR_HOST": "0.0.0.0", "SECCAM_MONITOR_CAMERAS": "Front Door", "SECCAM_MONITOR_PROT": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    for fault in ("SECCAM_MONITOR_ALLOW_OPEN=true", "SECCAM_MONITOR_CAMERAS: 'Front Door'", "SECCAM_MONITOR_PROT: unknown setting"):
        assert fault in done.stderr


def test_a_taken_port_is_reported_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-m", "seccam_monitor"],
            env={"SECCAM_MONITOR_PORT": str(taken.getsockname()[1]), "SECCAM_MONITOR_OPS_PORT": str(free_port())},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "SECCAM_MONITOR_PORT" in done.stderr


def answers(monitor: RunningMonitor) -> bool:
    """Whether the page's port takes requests."""
    try:
        return monitor.http.get("/cameras").status_code == 200
    except httpx.TransportError:  # it was refused while it was sending
        return False


def test_probes_answer_while_an_attacker_takes_all_connections(running_broker: RunningBroker) -> None:
    with running(running_broker) as monitor, ExitStack() as attack:
        resource.prlimit(monitor.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        for i in range(300):
            idle = attack.enter_context(
                socket.create_connection(("127.0.0.1", monitor.port), source_address=(f"127.0.0.{2 + i // 50}", 0))
            )
            idle.sendall(b"GET /")
        assert monitor.alive()
        assert monitor.ready()
        eventually(lambda: monitor.metric("seccam_monitor_connections_refused_total", reason="limit"))
        attack.close()
        eventually(lambda: answers(monitor))


def test_memory_stays_level_while_heads_have_no_end(running_broker: RunningBroker) -> None:
    with running(running_broker) as monitor:
        before = resident(monitor.process.pid)
        for piece in (b"X: " + b"x" * 1020 + b"\r\n", b"x" * 1024):
            with socket.create_connection(("127.0.0.1", monitor.port)) as attack:
                attack.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ")
                with suppress(ConnectionError):  # cut
                    for _ in range(20):
                        attack.sendall(piece * 1024)
            assert monitor.http.get("/cameras").status_code == 200  # what was sent before has been dealt with
        assert resident(monitor.process.pid) - before < 8_000_000
