/* The visits: a list, newest first, one of them enlarged, and on a phone a strip with the newest. */

import { parts, write } from "./dom.js";
import * as format from "./format.js";

/** Rows that are kept. */
const KEPT = 100;
const FRESH = 1500;

export class VisitList {
  /** {visit, seen, node, what, when, undelivered, picture} in the list's order, newest first; `seen` by the page's clock. */
  #rows = [];
  #template;
  #list;
  #empty;
  #strip;
  #dialog;
  #on;
  /** The visit in the dialog, which need not be in the list. */
  #shown = null;
  /** The event whose visit the dialog is for. */
  #event = null;

  /**
   * @param {DocumentFragment} template of a row
   * @param {object} nodes {list, empty, strip, dialog}
   * @param {object} on
   * @param {(event: string) => void} on.open
   * @param {() => void} on.closed
   * @param {(camera: string) => void} on.watch
   */
  constructor(template, { list, empty, strip, dialog }, on) {
    this.#template = template;
    this.#list = list;
    this.#empty = empty;
    this.#strip = parts(strip);
    this.#dialog = { node: dialog, ...parts(dialog) };
    this.#on = on;
    dialog.addEventListener("close", () => this.#closed());
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) dialog.close();
    });
    this.#dialog.watch.addEventListener("click", () => {
      const camera = this.#shown.cam;
      dialog.close();
      this.#closed();
      on.watch(camera);
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
    visit.outcomes ??= []; // a monitor of an earlier version doesn't send them
    const known = this.#rows.filter((other) => isPart(other.visit, visit));
    const row = known.find((other) => other.visit.id === visit.id) ?? this.#create();
    const moreFaces = visit.faces > Math.max(0, ...known.map((other) => other.visit.faces));
    for (const other of known) if (other !== row) this.#absorb(other);
    row.visit = visit;
    row.seen = visit.seen - ahead;
    write(row.what, title(visit));
    show(row.picture, visit);
    this.#place(row);
    write(row.undelivered, format.undelivered(visit.outcomes));
    if (this.#shown && isPart(this.#shown, visit)) this.#fill(visit);
    else if (visit.id === this.#event) this.#open(visit); // it comes after somebody has followed its link
    if (isNew && moreFaces) {
      row.node.classList.add("fresh");
      setTimeout(() => row.node.classList.remove("fresh"), FRESH);
    }
    return moreFaces;
  }

  /** End the visits that the monitor no longer lists: it sends all that last with each connection. */
  endOthers(listed) {
    const ended = (visit) => (listed.some(({ id }) => id === visit.id) ? visit : { ...visit, over: true });
    for (const row of this.#rows) row.visit = ended(row.visit);
    if (this.#shown) this.#shown = ended(this.#shown);
  }

  /** Update all times. */
  update() {
    const now = performance.now();
    const wall = Date.now();
    for (const row of this.#rows) {
      write(row.when, format.visit(row.visit, wall));
      row.node.classList.toggle("lasting", !row.visit.over);
    }
    if (this.#shown) write(this.#dialog.when, format.visit(this.#shown, wall));
    const newest = this.#rows[0];
    if (!newest) return;
    write(this.#strip.text, `${title(newest.visit)} · ${newest.visit.over ? format.ago(now - newest.seen) : "now"}`);
    this.#strip.picture.dataset.of = newest.visit.id;
    show(this.#strip.picture, newest.visit);
  }

  #create() {
    const node = this.#template.cloneNode(true).firstElementChild;
    const { open, ...shown } = parts(node);
    const row = { visit: null, node, ...shown };
    open.addEventListener("click", () => this.#on.open(row.visit.id));
    return row;
  }

  #absorb(other) {
    this.#rows.splice(this.#rows.indexOf(other), 1);
    other.node.remove();
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

  /** Show the visit of this event in the dialog, or say why it can't be shown; null closes the dialog. */
  show(event) {
    if (event === this.#event) return;
    this.#event = event;
    const row = this.#rows.find(({ visit }) => visit.id === event);
    if (event === null) this.#dialog.node.close();
    else if (row) this.#open(row.visit);
    else this.#ask(event);
  }

  /** Ask the monitor for a visit that isn't in the list, or is there under the id of its first event. */
  async #ask(event) {
    const { visit, problem } = await requested(event);
    if (event !== this.#event) return; // the dialog is for another one by now
    if (visit) this.#open(visit);
    else this.#explain(problem);
  }

  #open(visit) {
    this.#fill(visit);
    this.update();
    this.#reveal();
  }

  #fill(visit) {
    const { what, picture, scores, outcomes, watch } = this.#dialog;
    this.#shown = visit;
    write(what, title(visit));
    picture.alt = `${format.faces(visit.faces)} at ${visit.cam}`;
    show(picture, visit);
    write(scores, format.scores(visit.scores));
    outcomes.replaceChildren(...visit.outcomes.map((one) => outcomeItem(one, visit.outcomes)));
    outcomes.hidden = watch.hidden = false;
  }

  #explain(problem) {
    const { what, when, picture, scores, outcomes, watch } = this.#dialog;
    this.#shown = null;
    write(what, "This visit can't be shown");
    write(when, problem);
    write(scores, "");
    show(picture, { picture: null });
    outcomes.hidden = watch.hidden = true;
    this.#reveal();
  }

  #reveal() {
    if (!this.#dialog.node.open) this.#dialog.node.showModal();
  }

  #closed() {
    if (this.#dialog.node.open) return; // it was opened again meanwhile
    this.#shown = this.#event = null;
    this.#dialog.picture.removeAttribute("src");
    this.#on.closed();
  }
}

/** Request the visit of an event: {visit}, or {problem} in words. */
async function requested(event) {
  try {
    const answer = await fetch(`/events/${encodeURIComponent(event)}`, { cache: "no-store" });
    const said = await answer.json();
    if (answer.ok && said.id) return { visit: said };
    return { problem: said.detail ?? "Its address is incomplete." };
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: "Its address is incomplete." }; // `..`, and the answer is the page
    if (!(error instanceof TypeError)) throw error;
    return { problem: "The monitor can't be reached." };
  }
}

function title(visit) {
  return `${format.faces(visit.faces)} · ${visit.cam}`;
}

function outcomeItem(one, list) {
  const node = document.createElement("li");
  node.textContent = format.outcome(one, list);
  node.classList.toggle("undelivered", format.undelivered([one]) !== "");
  return node;
}

/** Whether a row is the same visit or part of it. The monitor names such parts, but the page may have missed that. */
function isPart(row, visit) {
  if (row.id === visit.id || visit.absorbed?.includes(row.id)) return true;
  return row.cam === visit.cam && row.time >= visit.time && row.time <= visit.time + visit.seconds * 1000;
}

/** Show the visit's picture, if it has one and the monitor still keeps it. */
function show(picture, visit) {
  picture.hidden ||= visit.picture === null;
  if (picture.getAttribute("src") === visit.picture) return;
  picture.hidden = visit.picture === null;
  picture.onerror = () => {
    picture.hidden = true;
  };
  if (visit.picture !== null) picture.src = visit.picture;
  else picture.removeAttribute("src");
}
