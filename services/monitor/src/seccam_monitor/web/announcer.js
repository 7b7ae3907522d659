/* What a screen reader is told without being asked: at most one sentence in five seconds, and the loss of the monitor once. */

import * as format from "./format.js";

const QUIET = 5000;
/** A camera's staleness is told only if it lasts. */
const LASTING = 5000;

export class Announcer {
  #status;
  #alert;
  #visits = [];
  #changes = new Map();
  #pending = new Map();
  #told = new Map();
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

  /** A camera is in this state, at the page's time `now`; called as often as one likes. */
  camera(name, state, now) {
    const pending = this.#pending.get(name);
    if (pending?.state !== state) {
      this.#pending.set(name, { state, since: now });
      return;
    }
    if (now - pending.since < (state === "stale" || state === "slow" ? LASTING : 0)) return;
    const told = this.#told.get(name);
    if (told === state) return;
    this.#told.set(name, state);
    const worth = state === "live" ? told !== undefined && told !== "starting" : state !== "starting";
    if (worth && told !== undefined) this.#changes.set(name, state);
  }

  /** What is the matter with the connection to the monitor, empty if nothing is; said once. */
  monitor(trouble) {
    if (trouble !== this.#alert.textContent) this.#alert.textContent = trouble;
  }

  /** Speak, if there is something to say and it has been quiet for long enough. */
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
