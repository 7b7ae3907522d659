/* Puts the parts of the page together, and holds the state that they share. */

import { Announcer } from "./announcer.js";
import { CameraView, copy } from "./camera_view.js";
import { MonitorClock, slept } from "./clock.js";
import { write } from "./dom.js";
import { VisitList } from "./visits.js";
import * as format from "./format.js";
import { Frames } from "./frames.js";
import { columns } from "./layout.js";
import { Socket } from "./socket.js";
import { Tile } from "./tile.js";

const TICK = 100;
const SECOND = 1000;
/** Pongs to await before pictures are requested, for at most WAIT_FOR_PINGS. */
const FIRST_PINGS = 5;
const WAIT_FOR_PINGS = 2000;
/** A difference above this means another monitor, or the same after a reboot. */
const OTHER_CLOCK = 1000;
/** Pictures are requested a little before their tile scrolls into view. */
const MARGIN = "200px";
/** Logging out in another window ends this one's login too, so it is checked this often. */
const LOGIN_CHECK = 30_000;
/** The address of the list of visits on a phone; no camera can have this name. */
const LIST = "/visits";
/** What the address of an event begins with; notifications link to it. */
const EVENT = "event/";

const $ = (id) => document.getElementById(id);
const grid = $("grid");
const main = $("main");
const skip = document.querySelector(".skip");

/** Tiles by name, in the order of the page. */
const tiles = new Map();
/** Tiles by the connection's index. */
let byIndex = new Map();
/** Tiles that are in view, by the IntersectionObserver. */
const inView = new Set();
let clock = null;
let version = null;
let helloAt = null;
let asked = null;
let alone = null;
let scrolledTo = 0;
let unseen = 0;

const frames = new Frames({
  wants: (index) => Boolean(byIndex.get(index)?.watched),
  paint: (head, bitmap) => {
    const now = clock.at(performance.now());
    if (head.captured > now) socket.ping(); // from the future: the estimate of the monitor's clock is wrong
    byIndex.get(head.camera).paint(head, bitmap, now);
  },
  fail: (index) => byIndex.get(index)?.fail(),
  ack: (list) => socket.send({ type: "ack", f: list }),
});

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new Socket(`${scheme}//${location.host}/ws`, {
  closed: () => {
    frames.clear();
    helloAt = asked = null;
  },
  refused: checkLogin,
  frame: (buffer) => frames.receive(buffer),
  message: (message) => handlers[message.type]?.(message),
});

const announcer = new Announcer($("status"), $("alert"));
const visits = new VisitList(
  $("visit-template").content,
  { list: $("visit-list"), empty: $("visits-empty"), strip: $("strip"), dialog: $("visit-dialog") },
  { open: lay, closed: lift, watch: (camera) => go(camera) },
);
const cameraView = new CameraView($("camera-view"), grid, leave);
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) inView[isIntersecting ? "add" : "delete"](target);
    ask();
  },
  { root: main, rootMargin: MARGIN },
);

const handlers = {
  hello(message) {
    const now = performance.now();
    const before = clock?.at(now) ?? message.now;
    clock = new MonitorClock(message.now, now);
    const shift = Math.abs(message.now - before) > OTHER_CLOCK ? message.now - before : 0;
    for (const tile of tiles.values()) tile.restart(shift);
    helloAt = now;
    version ??= message.version;
    $("bar-update").hidden = message.version === version;
    $("logout").hidden = !message.user;
    $("logout").firstElementChild.title = message.user ? `Logged in as ${message.user}` : "";
    for (const event of message.events) visits.put(event, message.now - now, { isNew: false });
    visits.endOthers(message.events);
    visits.update();
    handlers.cams(message); // last: it shows what the address names, perhaps a visit
  },

  cams({ cams }) {
    const names = new Set(cams.map(({ name }) => name));
    for (const [name, tile] of tiles) {
      if (!names.has(name)) removeTile(name, tile);
    }
    byIndex = new Map(cams.map((camera) => [camera.i, tileOf(camera)]));
    cams.forEach(({ name }, at) => {
      const { element } = tiles.get(name);
      if (grid.children[at] !== element) grid.insertBefore(element, grid.children[at] ?? null);
    });
    $("waiting").hidden = true;
    $("first-run").hidden = cams.length > 0;
    route();
  },

  status({ now, broker, since, events, analysed, c }) {
    for (const [index, state, newest, fps, until, why] of c) byIndex.get(index)?.hear({ at: now, state, newest, fps, until, why });
    const bar = $("bar-broker");
    bar.hidden = broker;
    if (!broker) write(bar.firstElementChild, format.noBroker(Date.now() - (now - (since ?? now)), Date.now()));
    $("bar-events").hidden = events || !broker;
    const load = $("bar-load");
    load.hidden = analysed === null || !broker;
    if (!load.hidden) write(load.firstElementChild, format.overload(analysed));
    write($("broker"), `Broker: ${broker ? "connected" : "not connected"}`);
    ask();
  },

  event(event) {
    const now = performance.now();
    const isNews = visits.put(event, clock.at(now) - now, { isNew: true });
    visits.update();
    if (!isNews) return;
    tiles.get(event.cam)?.see(event);
    announcer.visit(event.cam, event.faces);
    if (document.hidden) unseen += 1;
  },

  faces(detection) {
    tiles.get(detection.cam)?.see(detection);
  },

  pong({ c, s }) {
    clock?.pong(c, s, performance.now());
    if (asked === null && clock?.known >= FIRST_PINGS) ask();
  },
};

function tileOf(camera) {
  const known = tiles.get(camera.name);
  if (known) {
    known.camera = camera;
    return known;
  }
  const tile = new Tile($("tile-template").content, camera);
  tiles.set(camera.name, tile);
  tile.button.addEventListener("click", () => go(camera.name));
  observer.observe(tile.element);
  return tile;
}

function removeTile(name, tile) {
  tiles.delete(name);
  observer.unobserve(tile.element);
  inView.delete(tile.element);
  for (const [index, other] of byIndex) if (other === tile) frames.drop(index);
  tile.remove();
}

/** Request the pictures that can be seen now, if they differ from those requested. */
function ask() {
  if (helloAt === null) return;
  if (asked === null && clock.known < FIRST_PINGS && performance.now() - helloAt < WAIT_FOR_PINGS) return;
  const shown = !document.hidden && !frames.stalled;
  const wanted = [];
  for (const [index, tile] of byIndex) {
    const watched = shown && tile.showable && (tile.name === alone || inView.has(tile.element)); // full screen, it isn't in view of main
    if (!watched) frames.drop(index);
    tile.watched = watched;
    if (watched) wanted.push(index);
  }
  const list = wanted.join();
  if (list === (asked ?? "")) return; // nothing is sent before the first one is wanted
  asked = list;
  socket.send({ type: "watch", cams: wanted });
}

/* ---- one camera, or all of them ---- */

/**
 * Show a camera, or the list. The history holds how many steps lead back to the grid (0: none, as after opening a link).
 * One camera replaces another, and the list lies on top of either.
 */
function go(place) {
  const steps = history.state?.steps ?? 0;
  if (alone === null && address() !== LIST) {
    scrolledTo = main.scrollTop;
    history.pushState({ steps: 1 }, "", `#${place}`);
  } else if (place === LIST) {
    history.pushState({ steps: steps && steps + 1 }, "", `#${place}`);
  } else {
    history.replaceState({ steps }, "", `#${place}`);
  }
  route();
}

/** Go from the list to what it lies on, or from a camera to the grid. */
function leave() {
  const steps = history.state?.steps;
  if (address() === LIST && history.state) history.back();
  else if (steps) history.go(-steps);
  else location.hash = "";
}

/** Lay a visit on top of what is shown: at an address that can be shared, but without a step of its own in the history. */
function lay(event) {
  const under = { place: address(), state: history.state };
  history.replaceState({ under }, "", `#${EVENT}${encodeURIComponent(event)}`);
  route();
}

/** Go from a visit to what it lies on: the grid, if a link led to it. */
function lift() {
  if (eventIn(address()) === null) return;
  const { place, state } = history.state?.under ?? { place: "", state: null };
  history.replaceState(state, "", place ? `#${place}` : location.pathname);
  route();
}

/** The id of the event that a place is; null for another place. */
function eventIn(place) {
  return place.startsWith(EVENT) ? place.slice(EVENT.length) : null;
}

/** The decoded hash of the address; empty if it can't be decoded: people edit addresses, and messengers cut them off. */
function address() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return "";
  }
}

/** Show what the address names. */
function route() {
  const event = eventIn(address());
  const place = event === null ? address() : (history.state?.under?.place ?? "");
  const list = place === LIST;
  const listed = $("visits").classList.contains("open");
  $("visits").classList.toggle("open", list);
  for (const node of [main, $("strip"), skip, document.querySelector(".header")]) node.inert = list && narrow.matches;
  if (list !== listed && narrow.matches) $(list ? "visits-close" : "strip").focus();
  const name = tiles.has(place) ? place : null;
  const left = alone;
  alone = name;
  $("camera-view").hidden = name === null;
  grid.hidden = tiles.size === 0;
  grid.classList.toggle("alone", name !== null);
  for (const [other, tile] of tiles) {
    tile.element.hidden = name !== null && other !== name;
    tile.button.hidden = other === name;
  }
  cameraView.camera = name;
  arrange();
  if (name !== null && left !== name) cameraView.back.focus({ preventScroll: true });
  if (name === null && document.fullscreenElement) document.exitFullscreen();
  if (name === null && left !== null && !list) {
    main.scrollTop = scrolledTo;
    tiles.get(left)?.button.focus();
  }
  if (clock !== null) visits.show(event); // before that there is no list to find it in
}

/** Show the next camera, in the view of one camera. */
function turn(by) {
  const names = [...tiles.keys()].sort((a, b) => order(a) - order(b));
  go(names[(names.indexOf(alone) + by + names.length) % names.length]);
}

function order(name) {
  return [...grid.children].indexOf(tiles.get(name).element);
}

const narrow = matchMedia("(max-width: 899px)");
narrow.addEventListener("change", route);
addEventListener("hashchange", route);
addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || $("visit-dialog").open) return;
  if (event.key === "Escape" && (alone !== null || $("visits").classList.contains("open"))) leave();
  if (alone === null || event.target instanceof HTMLInputElement) return;
  if (event.key === "ArrowRight") turn(1);
  if (event.key === "ArrowLeft") turn(-1);
});

/* ---- how large the tiles are ---- */

function arrange() {
  const style = getComputedStyle(main);
  const width = main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = main.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  const caption = grid.querySelector(".tile:not([hidden]) .caption")?.offsetHeight || 40;
  const gap = parseFloat(getComputedStyle(grid).rowGap) || 0;
  const found = columns(Math.max(1, tiles.size), { width, height, gap, caption }, $("bars").offsetHeight);
  grid.style.setProperty("--columns", found.columns);
  grid.style.setProperty("--tile", `${found.tile}px`);
}

new ResizeObserver(arrange).observe(main);

/* ---- buttons ---- */

$("try-now").addEventListener("click", () => socket.renew());
$("reload").addEventListener("click", () => location.reload());
$("strip").addEventListener("click", () => go(LIST));
$("visits-close").addEventListener("click", leave);
skip.addEventListener("click", (event) => {
  event.preventDefault(); // the address names the camera that is shown
  const first = grid.querySelector(".open");
  (alone !== null ? cameraView.back : (first ?? main)).focus();
});
for (const button of document.querySelectorAll(".copy")) {
  const command = button.parentElement.querySelector("code");
  button.addEventListener("click", () => copy(command.textContent, command, button));
}
document.addEventListener("visibilitychange", () => {
  unseen = 0;
  ask();
});

/* ---- the login ---- */

let checked = performance.now();

/** Check whether we are logged in, which a refused socket doesn't say; if not, go to the login, and back here after it. */
async function checkLogin() {
  checked = performance.now();
  try {
    const { status } = await fetch("/cameras", { cache: "no-store" });
    if (status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.hash)}`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the monitor can't be reached: its bar says so
  }
}

/* ---- timers ---- */

let looked = { wall: Date.now(), page: performance.now() };
let second = 0;

function tick() {
  const page = performance.now();
  const now = { wall: Date.now(), page };
  if (slept(looked, now)) socket.renew();
  looked = now;
  socket.tick();
  if (frames.check(page)) ask();
  if (helloAt !== null) ask();
  if (!$("logout").hidden && page - checked > LOGIN_CHECK) checkLogin();
  const monitor = clock?.at(page);
  const counting = page - second >= SECOND;
  if (counting) second = page;
  for (const tile of tiles.values()) {
    tile.update(monitor);
    if (counting) tile.count(monitor);
    announcer.camera(tile.name, tile.state, page);
  }
  if (counting) visits.update();
  write($("counts"), format.counts([...tiles.values()].map(({ state }) => state)));
  showTrouble(now.wall);
  announcer.tick(page);
}

function showTrouble(wall) {
  const trouble = socket.trouble;
  const bar = $("bar-server");
  bar.hidden = trouble === null;
  if (trouble) {
    write(bar.firstElementChild, trouble.full ? format.monitorFull(trouble.next) : format.noMonitor(trouble.since, trouble.next, wall));
    for (const id of ["bar-broker", "bar-events", "bar-load"]) $(id).hidden = true; // whether they still hold isn't known
  }
  announcer.monitor(trouble ? format.spokenTrouble(trouble.full) : "");
  const title = trouble ? "(!) seccam" : unseen ? `(${unseen}) seccam` : "seccam";
  if (document.title !== title) document.title = title;
}

socket.connect();
setInterval(tick, TICK);
