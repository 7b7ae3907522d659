/* The visits: a list, newest first, one of them enlarged, and on a phone a strip with the newest. */

import { parts, write } from "./dom.js";
import * as format from "./format.js";

/** Rows that are kept. */
const KEPT = 100;
const FRESH = 1500;

export class VisitList {
  /** {visit, seen, node, what, when, picture} in the list's order, newest first; `seen` by the page's clock. */
  #rows = [];
  #template;
  #list;
  #empty;
  #strip;
  #dialog;
  #shown = null;

  /**
   * @param {DocumentFragment} template of a row
   * @param {object} nodes {list, empty, strip, dialog}
   * @param {(camera: string) => void} watch
   */
  constructor(template, { list, empty, strip, dialog }, watch) {
    this.#template = template;
    this.#list = list;
    this.#empty = empty;
    this.#strip = parts(strip);
    this.#dialog = { node: dialog, ...parts(dialog) };
    dialog.addEventListener("close", () => this.#close());
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) dialog.close();
    });
    this.#dialog.watch.addEventListener("click", () => {
      const camera = this.#shown.visit.cam;
      dialog.close();
      watch(camera);
    });
  }

  /**
   * Show a visit: a new row, or the one that it changes. Returns whether it is a new visit or has more faces than before.
   *
   * @param {object} visit as the monitor sends it
   * @param {number} ahead by how much the monitor's clock is ahead of the page's, milliseconds
   * @param {object} how
   * @param {boolean} how.isNew whether this has just happened
   */
  put(visit, ahead, { isNew }) {
    const known = this.#rows.filter((other) => isPart(other.visit, visit));
    const row = known.find((other) => other.visit.id === visit.id) ?? this.#create();
    const moreFaces = visit.faces > Math.max(0, ...known.map((other) => other.visit.faces));
    for (const other of known) if (other !== row) this.#absorb(other, row);
    row.visit = visit;
    row.seen = visit.seen - ahead;
    write(row.what, title(visit));
    show(row.picture, visit);
    this.#place(row);
    if (row === this.#shown) this.#fill();
    if (isNew && moreFaces) {
      row.node.classList.add("fresh");
      setTimeout(() => row.node.classList.remove("fresh"), FRESH);
    }
    return moreFaces;
  }

  /** End the visits that the monitor no longer lists: it sends all that last with each connection. */
  endOthers(listed) {
    for (const row of this.#rows) {
      if (!listed.some((visit) => visit.id === row.visit.id)) row.visit = { ...row.visit, over: true };
    }
  }

  /** Update all times. */
  update() {
    const now = performance.now();
    const wall = Date.now();
    for (const row of this.#rows) {
      const text = format.visit(row.visit, wall);
      write(row.when, text);
      row.node.classList.toggle("lasting", !row.visit.over);
      if (row === this.#shown) write(this.#dialog.when, text);
    }
    const newest = this.#rows[0];
    if (!newest) return;
    write(this.#strip.text, `${title(newest.visit)} · ${newest.visit.over ? format.ago(now - newest.seen) : "now"}`);
    this.#strip.picture.dataset.of = newest.visit.id;
    show(this.#strip.picture, newest.visit);
  }

  #create() {
    const node = this.#template.cloneNode(true).firstElementChild;
    const { open, what, when, picture } = parts(node);
    const row = { visit: null, node, what, when, picture };
    open.addEventListener("click", () => this.#open(row));
    return row;
  }

  #absorb(other, row) {
    this.#rows.splice(this.#rows.indexOf(other), 1);
    other.node.remove();
    if (other === this.#shown) this.#shown = row;
  }

  /** Sort the row in by the visit's beginning. One that is in its place isn't moved, so it keeps the focus. */
  #place(row) {
    const rows = this.#rows.filter((other) => other !== row);
    const at = rows.findIndex((other) => other.visit.time <= row.visit.time);
    rows.splice(at < 0 ? rows.length : at, 0, row);
    const next = rows[rows.indexOf(row) + 1]?.node ?? null;
    if (!row.node.isConnected || row.node.nextElementSibling !== next) this.#list.insertBefore(row.node, next);
    while (rows.length > KEPT) {
      const oldest = rows.reduce((a, b) => (b.seen < a.seen ? b : a));
      rows.splice(rows.indexOf(oldest), 1);
      oldest.node.remove();
    }
    this.#rows = rows;
    this.#empty.hidden = true;
  }

  #open(row) {
    this.#shown = row;
    this.#fill();
    this.update();
    this.#dialog.node.showModal();
  }

  #fill() {
    const { what, picture, scores } = this.#dialog;
    const { visit } = this.#shown;
    what.textContent = title(visit);
    picture.alt = `${format.faces(visit.faces)} at ${visit.cam}`;
    show(picture, visit);
    scores.textContent = format.scores(visit.scores);
  }

  #close() {
    this.#shown = null;
    this.#dialog.picture.removeAttribute("src");
  }
}

function title(visit) {
  return `${format.faces(visit.faces)} · ${visit.cam}`;
}

/** Whether a row is the same visit or part of it. The monitor names such parts, but the page may have missed that. */
function isPart(row, visit) {
  if (row.id === visit.id || visit.absorbed?.includes(row.id)) return true;
  return row.cam === visit.cam && row.time >= visit.time && row.time <= visit.time + visit.seconds * 1000;
}

/** Show the visit's picture, if it has one and the monitor still keeps it. */
function show(picture, visit) {
  if (picture.getAttribute("src") === visit.picture) return;
  picture.hidden = visit.picture === null;
  picture.onerror = () => {
    picture.hidden = true;
  };
  if (visit.picture !== null) picture.src = visit.picture;
  else picture.removeAttribute("src");
}
