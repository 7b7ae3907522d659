/* The monitor's clock, and the state of a camera by it. Pure: times are arguments, in milliseconds. */

/** Number of latest pings that the offset is chosen from. */
const REMEMBERED = 10;
/** Pictures in a row that can't be decoded, after which the camera is shown as damaged. */
export const DAMAGED_AFTER = 5;
/** The wall clock and the page's clock may differ by this much between two looks; sleep stops the latter. */
const SLEPT = 1000;

/** The monitor's monotonic clock, estimated from pings: off by at most half of the fastest round trip. */
export class MonitorClock {
  #pings = [];
  #hint;

  /** Before the first pong: the monitor's clock was at `answered` when the page's was at `now`, ignoring the transmission. */
  constructor(answered, now) {
    this.#hint = answered - now;
  }

  /** A ping was sent at `sent`, answered at `answered` by the monitor's clock, and the pong arrived at `now`. */
  pong(sent, answered, now) {
    this.#pings.push({ trip: now - sent, offset: answered - (sent + now) / 2 });
    if (this.#pings.length > REMEMBERED) this.#pings.shift();
  }

  /** Number of pongs that are remembered. */
  get known() {
    return this.#pings.length;
  }

  /** The monitor's time at the page's time `now`. */
  at(now) {
    if (!this.#pings.length) return now + this.#hint;
    return now + this.#pings.reduce((best, ping) => (ping.trip < best.trip ? ping : best)).offset;
  }
}

/** Whether the machine was asleep between two looks at both clocks ({wall, page}). */
export function slept(before, after) {
  return Math.abs(after.wall - before.wall - (after.page - before.page)) > SLEPT;
}

/**
 * The state of a tile: starting | live | stale | slow | away | damaged | off.
 *
 * @param {object} of
 * @param {string} of.reported the state that the monitor reports: starting | live | away | off
 * @param {?number} of.drawn age of the picture on screen; null without one
 * @param {?number} of.newest age of the monitor's newest picture; null without one
 * @param {boolean} of.watched whether pictures are requested; if not, the age of the newest one decides
 * @param {number} of.stale age from which a picture is stale
 * @param {number} of.away age from which the camera is away
 * @param {number} of.unreadable number of pictures in a row that could not be decoded
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

/** Frames per second from the times at which they were drawn, over the last `over` ms; `since` is when drawing began. */
export function rate(times, now, since, over = 3000) {
  const span = Math.min(over, now - since);
  return span <= 0 ? 0 : (times.filter((t) => now - t <= span).length * 1000) / span;
}
