/* One camera on the page: caption, picture, boxes, and the plate shown instead of a live picture. */

import { rate, stateOf } from "./clock.js";
import { parts, write } from "./dom.js";
import * as format from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
/** Boxes are solid, then dashed, then removed, by their picture's age in ms: by then the head has moved. */
const SOLID = 1000;
const DASHED = 2000;
/** The number of faces stays in the caption for this long. */
const COUNTED = 10_000;
/** If the aspect ratio differs by more than this, boxes belong to another picture. */
const ASPECT = 0.01;
const THUMB = 160;
/** States with a picture on screen. */
const WITH_PICTURE = new Set(["live", "stale", "slow"]);

export class Tile {
  state = "starting";
  #camera;
  #part;
  #canvas;
  #status = { state: "starting", at: 0, newest: null, fps: 0, until: null, why: "" };
  #drawn = null;
  #worst = 0;
  #last = null;
  #times = [];
  #watchedSince = null;
  #since = performance.now();
  #unreadable = 0;
  #detection = null;
  #counted = null;
  #boxes = "";

  /**
   * @param {DocumentFragment} template
   * @param {object} camera {i, name, zone, stale_s, away_s}
   */
  constructor(template, camera) {
    this.element = template.cloneNode(true).firstElementChild;
    this.#part = parts(this.element);
    this.#canvas = this.#part.canvas.getContext("2d", { alpha: false });
    this.camera = camera;
    this.#part.name.textContent = this.name;
    this.#part.canvas.setAttribute("aria-label", `Picture of ${this.name}`);
    this.#part.note.id = `note-${this.name}`;
    this.#part.open.setAttribute("aria-describedby", this.#part.note.id);
    this.#enter(this.state, null);
  }

  get name() {
    return this.#camera.name;
  }

  get camera() {
    return this.#camera;
  }

  /** The camera as the monitor describes it; its index changes with the connection. */
  set camera(camera) {
    this.#camera = camera;
  }

  /** The button that opens the view of this camera. */
  get button() {
    return this.#part.open;
  }

  /** Whether pictures may be requested. */
  get showable() {
    return this.#status.state !== "off";
  }

  /** Whether pictures are requested from now on. */
  set watched(yes) {
    if (yes === (this.#watchedSince !== null)) return;
    this.#watchedSince = yes ? performance.now() : null;
    this.#times = [];
    if (!yes) this.#empty(); // an old picture would look slow or stale until a new one comes
  }

  get watched() {
    return this.#watchedSince !== null;
  }

  /** Take in the monitor's status: {at, state, newest, fps, until, why}, times by its clock. */
  hear(status) {
    this.#status = status;
  }

  /** A new connection: the monitor's clock is ahead of the previous one by `shift`. */
  restart(shift) {
    if (this.#drawn) this.#drawn = { ...this.#drawn, captured: this.#drawn.captured + shift };
    if (this.#status.newest !== null) this.#status = { ...this.#status, newest: this.#status.newest + shift };
    if (this.#last !== null) this.#last += shift;
    this.#detection = this.#counted = null;
    this.#times = [];
    if (this.watched) this.#watchedSince = performance.now();
  }

  /** Record a picture that could not be decoded. */
  fail() {
    this.#unreadable += 1;
  }

  /** Draw a picture; `now` is by the monitor's clock. */
  paint(head, bitmap, now) {
    const { canvas } = this.#part;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    this.#canvas.drawImage(bitmap, 0, 0);
    if (this.#drawn) this.#worst = Math.max(this.#worst, now - this.#drawn.captured);
    this.#drawn = head;
    this.#unreadable = 0;
    this.#times.push(performance.now());
    if (this.#status.state === "away" && head.captured > this.#status.at) this.#status = { ...this.#status, state: "live" };
    if (this.state !== "live") this.update(now);
    if (!WITH_PICTURE.has(this.state)) this.#putAway();
  }

  /** Take in what a worker saw in one frame: {captured, faces, boxes, size}. */
  see(detection) {
    if (this.#detection && detection.captured < this.#detection.captured) return;
    this.#detection = detection;
    if (detection.faces) this.#counted = detection;
  }

  /** Update state, plate and boxes; `now` is by the monitor's clock. */
  update(now) {
    const { stale_s, away_s } = this.#camera;
    const drawn = this.#drawn && Math.max(0, now - this.#drawn.captured);
    const newest = this.#status.newest === null ? null : Math.max(0, now - this.#status.newest);
    const state = stateOf({
      reported: this.#status.state,
      drawn,
      newest,
      watched: this.watched,
      stale: stale_s * 1000,
      away: away_s * 1000,
      unreadable: this.#unreadable,
    });
    const captured = [this.#drawn?.captured, this.#status.newest].filter((t) => t != null);
    if (captured.length) this.#last = Math.max(...captured);
    if (state !== this.state) this.#enter(state, now);
    this.#showState(now, drawn ?? newest);
    this.#box(now);
  }

  /** Update rate and age: once a second, so that they can be read. */
  count(now) {
    const page = performance.now();
    this.#times = this.#times.filter((t) => page - t < 4000);
    this.#showNumbers(now);
    this.#worst = 0;
  }

  /** Remove the tile, and free its pixels at once instead of at the next garbage collection. */
  remove() {
    this.#part.canvas.width = this.#part.thumb.width = 0;
    this.element.remove();
  }

  #enter(state, now) {
    this.state = state;
    this.#since = performance.now();
    if (!WITH_PICTURE.has(state)) this.#putAway();
    this.element.dataset.state = state;
    this.#part.shape.setAttribute("href", `#shape-${state}`);
    this.#part.open.setAttribute("aria-label", format.tileName(this.name, state));
    this.#showNumbers(now);
  }

  /** Remove the picture: a thumbnail of it stays, except outside the camera's slot. */
  #putAway() {
    if (this.state === "off") this.#dropThumb();
    else if (this.#drawn) this.#keepThumb();
    this.#empty();
  }

  #keepThumb() {
    const { canvas, thumb } = this.#part;
    thumb.width = THUMB;
    thumb.height = Math.max(1, Math.round((THUMB * canvas.height) / canvas.width));
    thumb.getContext("2d", { alpha: false }).drawImage(canvas, 0, 0, thumb.width, thumb.height);
    thumb.hidden = false;
  }

  #dropThumb() {
    this.#part.thumb.width = this.#part.thumb.height = 0;
    this.#part.thumb.hidden = true;
  }

  #empty() {
    const { canvas } = this.#part;
    this.#canvas.clearRect(0, 0, canvas.width, canvas.height);
    this.#drawn = null;
    this.#worst = 0;
  }

  /** Show the state, the number of faces, and the plate. */
  #showState(now, age) {
    const counted = this.state === "live" && this.#counted !== null && now - this.#counted.captured < COUNTED;
    this.#part.faces.hidden = !counted;
    if (counted) write(this.#part.faces, format.faces(this.#counted.faces));
    const wall = Date.now();
    const last = this.#last === null ? null : wall - (now - this.#last);
    write(this.#part.word, format.label(this.state, last, wall));
    const plate = format.plate({
      state: this.state,
      age,
      waiting: performance.now() - this.#since,
      last,
      until: this.#status.until,
      zone: this.#camera.zone,
      why: this.#status.why,
      unreadable: this.#unreadable,
      now: wall,
    });
    this.#part.plate.hidden = plate === null;
    if (plate) {
      ["first", "second", "third"].forEach((line, at) => {
        write(this.#part[line], plate[at]);
        this.#part[line].hidden = !plate[at];
      });
    }
  }

  /** Show rate and age; `now` is null before there are any. */
  #showNumbers(now) {
    const { rate: rateNode, age: ageNode, note, open } = this.#part;
    const shown = WITH_PICTURE.has(this.state);
    rateNode.hidden = ageNode.hidden = !shown;
    if (!shown) {
      write(note, "");
      open.title = "";
      return;
    }
    if (now === null) return;
    const page = performance.now();
    const source = this.#status.fps;
    const seen = this.watched && page - this.#watchedSince > 2000 ? rate(this.#times, page, this.#watchedSince) : source;
    write(rateNode, this.state === "stale" ? format.rate(0) : format.rates(seen, source));
    const captured = this.#drawn?.captured ?? this.#status.newest;
    const age = captured === null ? 0 : Math.max(this.#worst, now - captured);
    write(ageNode, format.age(age, this.#drawn ?? {}, Date.now()));
    write(note, format.ageNote(this.#drawn ?? {}));
    if (open.title !== note.textContent) open.title = note.textContent;
  }

  #box(now) {
    const shown = this.#boxed(now);
    const key = shown ? `${this.#detection.captured} ${shown}` : "";
    if (key === this.#boxes) return;
    this.#boxes = key;
    const { boxes } = this.#part;
    boxes.replaceChildren();
    if (!shown) return;
    boxes.setAttribute("viewBox", `0 0 ${this.#detection.size.join(" ")}`);
    boxes.classList.toggle("dashed", shown === "dashed");
    for (const box of this.#detection.boxes) boxes.append(rectangle(box, "under"), rectangle(box, "over"));
  }

  /** solid | dashed, or empty: better no box than a wrong one. */
  #boxed(now) {
    if (this.state !== "live" || !this.#drawn || !this.#detection?.boxes.length) return "";
    const [width, height] = this.#detection.size;
    if (Math.abs((this.#drawn.width * height) / (this.#drawn.height * width) - 1) > ASPECT) return "";
    const age = now - this.#detection.captured;
    if (age > DASHED) return "";
    return age > SOLID ? "dashed" : "solid";
  }
}

function rectangle([x, y, width, height], className) {
  const rect = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height, class: className })) rect.setAttribute(name, value);
  return rect;
}
