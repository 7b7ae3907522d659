/* Every sentence of the page that is made of values. Pure: times are milliseconds since 1970, ages milliseconds. */

/** State → its word, and its place in the counts: worst first. */
export const STATES = {
  away: "Away",
  damaged: "Damaged",
  stale: "Stale",
  slow: "Slow",
  starting: "Starting",
  live: "Live",
  off: "Off",
};

const NO_PICTURE_YET = 30_000;
const DELAYED = 10_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Intl formatters are dear: one for each shape and zone. */
const formatters = new Map();

function inParts(wall, zone) {
  const key = zone ?? "";
  if (!formatters.has(key)) formatters.set(key, formatter(zone));
  return Object.fromEntries(formatters.get(key).formatToParts(wall).map(({ type, value }) => [type, value]));
}

function formatter(zone) {
  const shape = {
    weekday: "short", day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  };
  try {
    return new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: zone ?? undefined });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new Intl.DateTimeFormat("en-GB", shape); // a zone that this browser doesn't know
  }
}

/** `14:03` */
export function hour(wall, zone) {
  const at = inParts(wall, zone);
  return `${at.hour}:${at.minute}`;
}

/** `14:03:12`, and the date before it where that is not today. */
export function time(wall, now, zone) {
  const at = inParts(wall, zone);
  const clock = `${at.hour}:${at.minute}:${at.second}`;
  return sameDay(at, inParts(now, zone)) ? clock : `${at.day} ${at.month} ${clock}`;
}

/** `14:03`, and the date before it where that is not today. */
function since(wall, now) {
  const at = inParts(wall);
  return sameDay(at, inParts(now)) ? hour(wall) : `${at.day} ${at.month} ${hour(wall)}`;
}

function sameDay(a, b) {
  return a.day === b.day && a.month === b.month && a.year === b.year;
}

/** A length of time: `7 s`, `4 min`, `2 h`, `3 d`. */
export function span(ms) {
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  return ms < DAY ? `${Math.floor(ms / HOUR)} h` : `${Math.floor(ms / DAY)} d`;
}

/** `3 s ago` */
export function ago(ms) {
  return `${span(Math.max(0, ms))} ago`;
}

/** How old the picture on screen is: `0.1 s old`, `12 s old`, `4 min old`, `since 14:03`; `now` is the wall clock. */
export function age(ms, { estimated = false, untimed = false } = {}, now = 0) {
  if (ms >= HOUR) return `since ${since(now - ms, now)}`;
  const mark = untimed ? "≥" : estimated ? "~" : "";
  const length = ms < 9_950 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : span(Math.max(ms, 10_000));
  return `${mark}${length} old`;
}

/** What the mark before an age means; empty where there is none. */
export function ageNote({ estimated = false, untimed = false } = {}) {
  if (untimed) return "This camera sends no time: the age is counted from the picture's arrival, so it is older than that.";
  return estimated ? "This camera's clock is wrong: the age is an estimate." : "";
}

/** A source's frame rate: `15 fps`, `2.5 fps`, `1 per 10 s`. */
export function rate(fps) {
  if (fps > 0 && fps < 0.75) return `1 per ${Math.round(1 / fps)} s`;
  return `${number(fps)} fps`;
}

/** The rate on screen against the source's: `15 fps`, or `6 of 15 fps` where less than 70 % of it is seen here. */
export function rates(seen, source) {
  if (source < 1 || seen >= 0.7 * source) return rate(source);
  return `${number(seen)} of ${number(source)} fps`;
}

function number(fps) {
  return fps < 5 ? Math.round(fps * 2) / 2 : Math.round(fps);
}

/** `2 faces` */
export function faces(count) {
  return count === 1 ? "1 face" : `${count} faces`;
}

/** `Score 0.94`, `Scores 0.94, 0.87`; empty without any. */
export function scores(values) {
  const list = values.map((value) => value.toFixed(2)).join(", ");
  return list && `${values.length === 1 ? "Score" : "Scores"} ${list}`;
}

/** `1 away · 2 stale · 4 live` from the tiles' states, worst first. */
export function counts(states) {
  return Object.entries(STATES)
    .map(([state, word]) => [states.filter((s) => s === state).length, word.toLowerCase()])
    .filter(([count]) => count)
    .map(([count, word]) => `${count} ${word}`)
    .join(" · ");
}

/** The word beside a tile's name; `last` is when its newest picture was taken, if there is one. */
export function label(state, last, now) {
  return state === "away" && last !== null ? `Away since ${since(last, now)}` : STATES[state];
}

/** What the tile's button is called. */
export function tileName(camera, state) {
  return `${camera}, ${STATES[state].toLowerCase()}, enlarge`;
}

/**
 * The plate over a tile's picture, three lines of which the last two may be empty, or null for none.
 *
 * @param {object} of
 * @param {string} of.state see clock.js
 * @param {?number} of.age of the picture on screen; of the newest one where there is none
 * @param {number} of.waiting in this state
 * @param {?number} of.last when its newest picture was taken
 * @param {?number} of.until when its slot opens again
 * @param {?string} of.zone the camera's time zone
 * @param {string} of.why the camera's own words, mostly empty
 * @param {number} of.unreadable pictures in a row
 * @param {number} of.now the wall clock
 */
export function plate(of) {
  switch (of.state) {
    case "starting":
      return [noPictureYet(of), "", says(of)];
    case "stale":
      return [`No new picture for ${span(of.age)}`, "", ""];
    case "slow":
      return [`Slow connection: picture is ${span(of.age)} old`, "", ""];
    case "away":
      return ["Camera away", of.last === null ? "" : `Last picture ${time(of.last, of.now)}, ${ago(of.now - of.last)}`, says(of)];
    case "damaged":
      return [`Pictures can't be read (${of.unreadable} in a row)`, "", ""];
    case "off":
      return ["Off by schedule", of.until === null ? "" : `On again ${again(of)}`, ""];
    default:
      return null;
  }
}

function noPictureYet({ age, waiting, why }) {
  if (waiting <= NO_PICTURE_YET || age !== null) return "Waiting for the first picture";
  return why ? "No picture yet" : "No picture yet. Is its camera service running?";
}

/** `It says: there is no such device` */
function says({ why }) {
  return why ? `It says: ${why}` : "";
}

/** `Mon 20:00` in the camera's zone, which is named where the viewer's clock shows another time; the date where a weekday is not enough. */
function again({ until, zone, now }) {
  const at = inParts(until, zone);
  const here = inParts(until);
  const differs = !sameDay(at, here) || at.hour !== here.hour || at.minute !== here.minute;
  const date = until - now > 6 * DAY ? ` ${at.day} ${at.month}` : "";
  return `${at.weekday}${date} ${at.hour}:${at.minute}${differs ? ` (${zone})` : ""}`;
}

/**
 * The second line of a visit: `Since 14:03:12` while it lasts, then `14:03:12 · for 4 min`; `13:49:12 · delayed 14 min` if
 * the monitor heard of it late.
 *
 * @param {object} visit {time: wall clock, seconds, over, late_s}
 * @param {number} now the wall clock
 */
export function visit({ time: began, seconds, over, late_s: late }, now) {
  const at = time(began, now);
  if (late * 1000 > DELAYED) return `${at} · delayed ${span(late * 1000)}`;
  if (!over) return `Since ${at}`;
  return seconds ? `${at} · for ${span(seconds * 1000)}` : at;
}

/** The bar while there is no connection to the monitor; `next` is the time to the next try, null while one is under way. */
export function noMonitor(since, next, now) {
  return `No connection to the monitor since ${time(since, now)}. ${then(next)}`;
}

/** The bar while the monitor takes no more viewers. */
export function monitorFull(next) {
  return `${spokenTrouble(true)} ${then(next)}`;
}

/** What is said of it. */
export function spokenTrouble(full) {
  return full ? "As many pages are open as the monitor allows." : "No connection to the monitor.";
}

function then(next) {
  return next === null ? "Trying now." : `Next try in ${Math.max(1, Math.ceil(next / 1000))} s.`;
}

/** The bar while the monitor has no broker. */
export function noBroker(since, now) {
  return `The monitor has lost the broker since ${time(since, now)}. Pictures and events will go on by themselves.`;
}

/** What is said of visits: `front 2 faces, yard 1`. */
export function spokenVisits(visits) {
  const most = new Map();
  for (const { camera, count } of visits) most.set(camera, Math.max(count, most.get(camera) ?? 0));
  return [...most].map(([camera, count], at) => `${camera} ${at ? count : faces(count)}`).join(", ");
}

/** What is said of a camera's change to a state. */
export function spokenChange(camera, state) {
  const said = { stale: "has no new picture", slow: "is slow", away: "is away", damaged: "can't be read", live: "is live again", off: "is off" };
  return `${camera} ${said[state]}`;
}
