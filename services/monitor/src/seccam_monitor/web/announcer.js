/* Announcements for screen readers: at most one in five seconds, and the loss of the monitor once. */

import * as format from "./format.js";

const QUIET = 5000;
/** A stale or slow camera is announced only if it stays so. */
const LASTING = 5000;

export class Announcer {
  #status;
  #alert;
  #visits = [];
  #changes = new Map();
  #pending = new Map();
  #announced = new Map();
  #spokeAt = -Infinity;

  /** @param {HTMLElement} status with role="status" @param {HTMLElement} alert with role="alert" */
  constructor(status, alert) {
    this.#status = status;
    this.#alert = alert;
  }

  /** A visit has begun, or has more faces than before. */
  visit(camera, count) {
    this.#visits.push({ camera, count });
  }

  /** A camera is in this state at the page's time `now`; may be called at any rate. */
  camera(name, state, now) {
    const pending = this.#pending.get(name);
    if (pending?.state !== state) {
      this.#pending.set(name, { state, since: now });
      return;
    }
    if (now - pending.since < (state === "stale" || state === "slow" ? LASTING : 0)) return;
    const announced = this.#announced.get(name);
    if (announced === state) return;
    this.#announced.set(name, state);
    const worth = state === "live" ? announced !== undefined && announced !== "starting" : state !== "starting";
    if (worth && announced !== undefined) this.#changes.set(name, state);
  }

  /** What is wrong with the connection to the monitor, empty if nothing is; announced once. */
  monitor(trouble) {
    if (trouble !== this.#alert.textContent) this.#alert.textContent = trouble;
  }

  /** Announce what has happened, if the last announcement is long enough ago. */
  tick(now) {
    if (now - this.#spokeAt < QUIET || !(this.#visits.length || this.#changes.size)) return;
    const said = [...this.#changes].map(([camera, state]) => format.spokenChange(camera, state));
    if (this.#visits.length) said.push(format.spokenVisits(this.#visits));
    this.#visits = [];
    this.#changes.clear();
    this.#spokeAt = now;
    this.#status.textContent = `${said.join(". ")}.`;
  }
}
