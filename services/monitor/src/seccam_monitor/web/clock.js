/* What time it is for the monitor, and what that makes of a camera. Pure: every time is passed in, in milliseconds. */

/** Pings that the offset is chosen from. */
const REMEMBERED = 10;
/** A picture that can't be decoded is bad luck; so many in a row are the camera's fault. */
export const DAMAGED_AFTER = 5;
/** The wall clock and the page's own may part by this much between two looks; more is sleep, which stops the latter. */
const SLEPT = 1000;

/** The monitor's monotonic clock, as far as pings tell: off by at most half of the fastest round trip. */
export class MonitorClock {
  #pings = [];
  #hint;

  /** Until the first answer, the monitor's clock was at `answered` when the page's was at `now`: behind by the way here. */
  constructor(answered, now) {
    this.#hint = answered - now;
  }

  /** A ping left at `sent`, the monitor answered at `answered` by its own clock, the answer came at `now`. */
  pong(sent, answered, now) {
    this.#pings.push({ trip: now - sent, offset: answered - (sent + now) / 2 });
    if (this.#pings.length > REMEMBERED) this.#pings.shift();
  }

  /** How many answers are known. */
  get known() {
    return this.#pings.length;
  }

  /** The monitor's time at the page's time `now`. */
  at(now) {
    if (!this.#pings.length) return now + this.#hint;
    return now + this.#pings.reduce((best, ping) => (ping.trip < best.trip ? ping : best)).offset;
  }
}

/** Whether the machine slept between two looks at both clocks ({wall, page}). */
export function slept(before, after) {
  return Math.abs(after.wall - before.wall - (after.page - before.page)) > SLEPT;
}

/**
 * The state of a tile: starting | live | stale | slow | away | damaged | off.
 *
 * @param {object} of
 * @param {string} of.reported the monitor's word on the camera: starting | live | away | off
 * @param {?number} of.drawn age of the picture on screen; null if there is none
 * @param {?number} of.newest age of the newest picture that the monitor has; null if it has none
 * @param {boolean} of.watched whether pictures are asked for: where they aren't, the newest one's age decides
 * @param {number} of.stale age from which a picture is stale
 * @param {number} of.away age from which the camera is away
 * @param {number} of.unreadable pictures in a row that could not be decoded
 */
export function stateOf({ reported, drawn, newest, watched, stale, away, unreadable }) {
  if (reported === "off") return "off";
  const age = least(drawn, newest);
  if (reported === "away" || age > away) return "away";
  if (unreadable >= DAMAGED_AFTER) return "damaged";
  if (!watched) return age === null ? "starting" : age > stale ? "stale" : "live";
  if (drawn === null) return age !== null && age > stale ? "stale" : "starting";
  if (drawn <= stale) return "live";
  return age <= stale ? "slow" : "stale";
}

function least(a, b) {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

/** Frames a second from the times they were drawn at, over the last `over` ms; `since` is when drawing began. */
export function rate(times, now, since, over = 3000) {
  const span = Math.min(over, now - since);
  return span <= 0 ? 0 : (times.filter((t) => now - t <= span).length * 1000) / span;
}
