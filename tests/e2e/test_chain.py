"""The whole chain on a cluster: from the camera to IFTTT, to the browser and to MQTT clients."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections import Counter
from pathlib import Path

from playwright.sync_api import expect

from seccam import topology
from tests.browser import seen
from tests.browser.conftest import Open, keep
from tests.e2e import load, phones
from tests.e2e.release import Release
from tests.scenes import jpeg, photo
from tests.waiting import eventually

#: Returns a hash of a canvas's pixels.
PIXELS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let n = 0; n < data.length; n += 997) sum = (sum * 31 + data[n]) | 0;
  return sum;
}"""


def test_all_pods_become_ready_in_a_restricted_namespace(release: Release) -> None:
    # `helm --wait` has checked that they are ready. This checks that all exist, and that none was restarted.
    pods = release.namespace.pods(release.selector())
    components = Counter(pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods)
    assert components == dict.fromkeys(("camera", "monitor", "security", "notifier", "rabbitmq"), 1)
    assert {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods} == dict.fromkeys(
        (pod["metadata"]["name"] for pod in pods), 0
    )


def test_helm_test_passes(release: Release) -> None:
    assert "Phase:          Succeeded" in release.namespace.helm("test", release.name, "--timeout", "3m")


def test_ifttt_is_notified_of_the_demos_faces_with_their_number(release: Release) -> None:
    def one_and_then_two() -> bool:
        notified = [one for one in phones.notifications(release.namespace) if one[0] == "demo"]
        return any(pair == (("demo", "1"), ("demo", "2")) for pair in itertools.pairwise(notified))

    # In each minute of the demo, a person comes at second 1 and another at second 8.
    eventually(one_and_then_two, within=150, every=2, what="one face, and then two")


def test_telegram_gets_each_notification_too_with_its_picture(release: Release) -> None:
    def told_alike() -> bool:
        by_ifttt = [faces for camera, faces in phones.notifications(release.namespace) if camera == "demo"]
        by_telegram = [message["caption"].split(" ")[0] for message in phones.messages(release.namespace, "demo")]
        return len(by_ifttt) >= 2 and by_telegram == by_ifttt

    eventually(told_alike, within=150, every=2, what="the same notifications by both")
    assert all(message["method"] == "sendPhoto" for message in phones.messages(release.namespace, "demo"))
    assert min(message["photo"] for message in phones.messages(release.namespace, "demo")) > 10_000


def test_a_face_that_stays_is_notified_once(release: Release) -> None:
    with load.cameras(release, 1, 2.0) as (camera,):

        def reports(kind: str) -> float:
            name = f'seccam_security_reports_total{{camera="{camera}",report="{kind}"}}'
            return sum(release.metrics(pod).get(name, 0) for pod in release.pods("security"))

        # A worker reports that a face is still present at most once in a third of the visit gap.
        eventually(lambda: reports("present") >= 6, within=90, every=2, what="a visit of two gaps")
        assert reports("visit") == 1

    assert [one for one in phones.notifications(release.namespace) if one[0] == camera] == [(camera, "1")]


def test_the_page_shows_moving_video_with_boxes_after_login(release: Release, open_page: Open) -> None:
    name, password = release.login()
    with release.namespace.forward(f"service/{release.prefix}-monitor", 80) as port:
        page = open_page(f"http://127.0.0.1:{port}/")
        expect(page.locator(".tile")).to_have_count(0)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()

        seen.awaits(page, "demo", "Live", within=30)
        canvas = seen.part(page, "demo", "canvas")
        pictures = {canvas.evaluate(PIXELS)}

        def moves() -> bool:
            pictures.add(canvas.evaluate(PIXELS))
            return len(pictures) >= 10

        eventually(moves, within=30, every=0.1, what="ten different pictures")
        expect(seen.part(page, "demo", "boxes").locator("rect").first).to_be_attached(timeout=60_000)
        expect(page.locator(".visit").first).to_be_visible(timeout=60_000)
        keep(page, "on-kubernetes")
        page.goto("about:blank")  # before the forwarded port closes


def test_a_wrong_password_shows_no_camera(release: Release, open_page: Open) -> None:
    with release.namespace.forward(f"service/{release.prefix}-monitor", 80) as port:
        page = open_page(f"http://127.0.0.1:{port}/")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill("admin")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator(".tile")).to_have_count(0)


def test_an_mqtt_client_outside_receives_frames_and_can_be_a_camera(release: Release, tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text(release.authority())
    with release.namespace.forward(f"service/{release.prefix}-rabbitmq", 8883) as port:
        where = ["-h", "127.0.0.1", "-p", str(port), "--cafile", str(authority), "-q", "1"]
        viewer, device = (
            ["-u", user, "-P", release.broker_password(user)] for user in (topology.VIEWER_USER, topology.DEVICE_USER)
        )
        subscribe = ["mosquitto_sub", *where, *viewer, "-C", "1", "-W", "60", "-N", "-t"]
        picture = subprocess.run([*subscribe, "seccam/view/demo"], capture_output=True, timeout=90, check=True).stdout
        assert picture[:2] == b"\xff\xd8"
        assert picture[-2:] == b"\xff\xd9"

        listener = subprocess.Popen([*subscribe, "seccam/events/porch"], stdout=subprocess.PIPE)
        publish = ["mosquitto_pub", *where, *device, "-t", "seccam/security/porch", "-s"]

        def announced() -> bool:
            subprocess.run(publish, input=jpeg(photo("astronaut")), timeout=30, check=True)
            return listener.poll() is not None

        eventually(announced, within=60, every=0.5, what="an event")
        event = json.loads(listener.communicate()[0])
    assert (event["data"]["camera"], event["data"]["faces"]) == ("porch", 1)
    eventually(lambda: ("porch", "1") in phones.notifications(release.namespace), within=30, every=1, what="its notification")
