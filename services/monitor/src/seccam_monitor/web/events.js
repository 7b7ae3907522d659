/* The faces that were seen: a list, newest first, a large look at one of them, and on a phone a strip with the newest. */

import { parts, write } from "./dom.js";
import * as format from "./format.js";

/** Rows that stay. */
const KEPT = 100;
const FRESH = 1500;

export class Events {
  /** {event, node, when, taken} in the list's order, newest first; `taken` by the page's clock. */
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
      const camera = this.#shown.cam;
      dialog.close();
      watch(camera);
    });
  }

  /** Add an event, `old` milliseconds of age, to the list; false if it is there already. `isNew`: it has just happened. */
  add(event, old, { isNew }) {
    const taken = performance.now() - old;
    const known = this.#rows.find((other) => other.event.id === event.id);
    if (known) {
      known.taken = taken;
      return false;
    }
    const row = { ...this.#row(event), taken };
    const at = this.#rows.findIndex((other) => other.event.time <= event.time);
    if (at < 0) {
      this.#rows.push(row);
      this.#list.append(row.node);
    } else {
      this.#list.insertBefore(row.node, this.#rows[at].node);
      this.#rows.splice(at, 0, row);
    }
    while (this.#rows.length > KEPT) this.#rows.pop().node.remove();
    this.#empty.hidden = true;
    if (isNew) {
      row.node.classList.add("fresh");
      setTimeout(() => row.node.classList.remove("fresh"), FRESH);
    }
    return true;
  }

  /** Say how long ago each was. */
  update() {
    const now = performance.now();
    const wall = Date.now();
    for (const row of this.#rows) {
      const text = format.when(row.event.time, wall, now - row.taken, row.event.late_s * 1000);
      write(row.when, text);
      if (row.event === this.#shown) write(this.#dialog.when, text);
    }
    const newest = this.#rows[0];
    if (!newest) return;
    write(this.#strip.text, `${title(newest.event)} · ${format.ago(now - newest.taken)}`);
    if (this.#strip.picture.dataset.of !== newest.event.id) {
      this.#strip.picture.dataset.of = newest.event.id;
      show(this.#strip.picture, newest.event);
    }
  }

  #row(event) {
    const node = this.#template.cloneNode(true).firstElementChild;
    const { open, what, when, picture } = parts(node);
    what.textContent = title(event);
    show(picture, event);
    open.addEventListener("click", () => this.#open(event));
    return { event, node, when };
  }

  #open(event) {
    const { node, what, picture, scores } = this.#dialog;
    this.#shown = event;
    what.textContent = title(event);
    picture.alt = `${format.faces(event.faces)} at ${event.cam}`;
    show(picture, event);
    scores.textContent = format.scores(event.scores);
    this.update();
    node.showModal();
  }

  #close() {
    this.#shown = null;
    this.#dialog.picture.removeAttribute("src");
  }
}

function title(event) {
  return `${format.faces(event.faces)} · ${event.cam}`;
}

/** The event's picture, if it has one and the monitor still keeps it. */
function show(picture, event) {
  picture.hidden = event.picture === null;
  picture.onerror = () => {
    picture.hidden = true;
  };
  if (event.picture !== null) picture.src = event.picture;
}
