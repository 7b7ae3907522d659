/* Every text of the page that contains values. Pure: times are milliseconds since 1970, ages are milliseconds. */

/** The states' names, in the order of the counts: worst first. */
export const STATES = {
  away: "Away",
  damaged: "Damaged",
  stale: "Stale",
  slow: "Slow",
  starting: "Starting",
  live: "Live",
  off: "Off",
};

/** What became of a notification, by the journal's word for it. */
const OUTCOMES = {
  notified: "told",
  requeued: "waiting, will be tried again",
  parked: "not told, parked",
  suppressed: "no news to tell",
};
const CHANNELS = { telegram: "Telegram", webhook: "Webhook", apprise: "Apprise", ifttt: "IFTTT", log: "Log" };

const NO_PICTURE_YET = 30_000;
const DELAYED = 10_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Intl formatters are expensive to create: one for each zone. */
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
    return new Intl.DateTimeFormat("en-GB", shape); // the browser doesn't know the zone
  }
}

/** `14:03` */
export function hour(wall, zone) {
  const at = inParts(wall, zone);
  return `${at.hour}:${at.minute}`;
}

/** `14:03:12`, after the date if that isn't today. */
export function time(wall, now, zone) {
  const at = inParts(wall, zone);
  const clock = `${at.hour}:${at.minute}:${at.second}`;
  return sameDay(at, inParts(now, zone)) ? clock : `${at.day} ${at.month} ${clock}`;
}

/** `14:03`, after the date if that isn't today. */
function since(wall, now) {
  const at = inParts(wall);
  return sameDay(at, inParts(now)) ? hour(wall) : `${at.day} ${at.month} ${hour(wall)}`;
}

function sameDay(a, b) {
  return a.day === b.day && a.month === b.month && a.year === b.year;
}

/** A duration: `7 s`, `4 min`, `2 h`, `3 d`. */
export function span(ms) {
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  return ms < DAY ? `${Math.floor(ms / HOUR)} h` : `${Math.floor(ms / DAY)} d`;
}

/** `3 s ago` */
export function ago(ms) {
  return `${span(Math.max(0, ms))} ago`;
}

/** The age of the picture on screen: `0.1 s old`, `12 s old`, `4 min old`, `since 14:03`; `now` is the wall clock. */
export function age(ms, { estimated = false, untimed = false } = {}, now = 0) {
  if (ms >= HOUR) return `since ${since(now - ms, now)}`;
  const mark = untimed ? "≥" : estimated ? "~" : "";
  const length = ms < 9_950 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : span(Math.max(ms, 10_000));
  return `${mark}${length} old`;
}

/** The meaning of the mark before an age; empty without one. */
export function ageNote({ estimated = false, untimed = false } = {}) {
  if (untimed) return "This camera sends no time: the age counts from the picture's arrival, so the picture is older than that.";
  return estimated ? "This camera's clock is wrong: the age is an estimate." : "";
}

/** A source's frame rate: `15 fps`, `2.5 fps`, `1 per 10 s`. */
export function rate(fps) {
  if (fps > 0 && fps < 0.75) return `1 per ${Math.round(1 / fps)} s`;
  return `${number(fps)} fps`;
}

/** The rate: `15 fps`, or `6 of 15 fps` if less than 70 % of the source's pictures are shown. */
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

/** `Score 0.94`, `Scores 0.94, 0.87`; empty without scores. */
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

/** The state beside a tile's name; `last` is when its newest picture was taken, null without one. */
export function label(state, last, now) {
  return state === "away" && last !== null ? `Away since ${since(last, now)}` : STATES[state];
}

/** The accessible name of a tile's button. */
export function tileName(camera, state) {
  return `${camera}, ${STATES[state].toLowerCase()}, enlarge`;
}

/**
 * The lines of the plate over a tile's picture: three, of which the last two may be empty; null for no plate.
 *
 * @param {object} of
 * @param {string} of.state see clock.js
 * @param {?number} of.age of the picture on screen, or of the newest one if there is none
 * @param {number} of.waiting how long it has been in this state
 * @param {?number} of.last when the newest picture was taken
 * @param {?number} of.until when the camera's slot opens again
 * @param {?string} of.zone the camera's time zone
 * @param {string} of.why the reason that the camera gives, often empty
 * @param {number} of.unreadable number of pictures in a row that can't be decoded
 * @param {number} of.now the wall clock
 */
export function plate(of) {
  switch (of.state) {
    case "starting":
      return [noPictureYet(of), "", reason(of)];
    case "stale":
      return [`No new picture for ${span(of.age)}`, "", ""];
    case "slow":
      return [`Slow connection: picture is ${span(of.age)} old`, "", ""];
    case "away":
      return ["Camera away", of.last === null ? "" : `Last picture ${time(of.last, of.now)}, ${ago(of.now - of.last)}`, reason(of)];
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

/** `Reason: there is no such device` */
function reason({ why }) {
  return why ? `Reason: ${why}` : "";
}

/** `Mon 20:00` in the camera's zone, which is named if the viewer's clock differs; with the date if it is over 6 days away. */
function again({ until, zone, now }) {
  const at = inParts(until, zone);
  const here = inParts(until);
  const differs = !sameDay(at, here) || at.hour !== here.hour || at.minute !== here.minute;
  const date = until - now > 6 * DAY ? ` ${at.day} ${at.month}` : "";
  return `${at.weekday}${date} ${at.hour}:${at.minute}${differs ? ` (${zone})` : ""}`;
}

/**
 * The second line of a visit: `Since 14:03:12` while it lasts, then `14:03:12 · for 4 min`; with ` · delayed 14 min` if its
 * first event was published late.
 *
 * @param {object} visit {time: wall clock, seconds, over, late_s}
 * @param {number} now the wall clock
 */
export function visit({ time: began, seconds, over, late_s: late }, now) {
  const at = time(began, now);
  const delay = late * 1000 > DELAYED ? ` · delayed ${span(late * 1000)}` : "";
  if (!over) return `Since ${at}${delay}`;
  return `${at}${seconds ? ` · for ${span(seconds * 1000)}` : ""}${delay}`;
}

/** What became of a visit's notification on a channel, one of a list: `Telegram: told`. */
export function outcome(one, list) {
  return `${channelName(one.channel, list)}: ${OUTCOMES[one.outcome]}`;
}

/** A visit's mark in the list if one of its notifications has not arrived; otherwise empty. */
export function undelivered(list) {
  const has = (word) => list.some((one) => one.outcome === word);
  if (has("parked")) return "Notification parked";
  return has("requeued") ? "Notification waiting" : "";
}

/** `Telegram`, or `Telegram …4711` beside another chat; `Apprise (mailto)`; null names all channels. */
function channelName(channel, list) {
  if (channel === null) return "All channels";
  const [kind, detail] = parted(channel);
  const name = CHANNELS[kind] ?? kind;
  if (kind === "apprise") return `${name} (${detail})`;
  const others = list.filter((one) => one.channel !== null && parted(one.channel)[0] === kind);
  return others.length > 1 ? `${name} …${detail.slice(-4)}` : name;
}

/** `telegram:4711` as `telegram` and `4711`. */
function parted(channel) {
  const colon = channel.indexOf(":");
  return colon < 0 ? [channel, ""] : [channel.slice(0, colon), channel.slice(colon + 1)];
}

/** The bar while there is no connection to the monitor; `next` is the time to the next attempt, null during one. */
export function noMonitor(since, next, now) {
  return `No connection to the monitor since ${time(since, now)}. ${then(next)}`;
}

/** The bar while the monitor accepts no more viewers. */
export function monitorFull(next) {
  return `${spokenTrouble(true)} ${then(next)}`;
}

/** The announcement of either. */
export function spokenTrouble(full) {
  return full ? "The monitor has the maximum number of viewers." : "No connection to the monitor.";
}

function then(next) {
  return next === null ? "Trying now." : `Next try in ${Math.max(1, Math.ceil(next / 1000))} s.`;
}

/** The bar while the monitor has no connection to the broker. */
export function noBroker(since, now) {
  return `The monitor lost its broker at ${time(since, now)}. Pictures and visits will resume automatically.`;
}

/** The bar while the workers have more frames than they can analyse; `analysed` is the share that they do. */
export function overload(analysed) {
  const share = Math.max(1, Math.round(analysed * 100));
  return `The workers can't keep up: they analyse about ${share} % of the frames, of all cameras alike. Add workers, or lower the rates of the cameras.`;
}

/** The announcement of visits: `front 2 faces, yard 1`. */
export function spokenVisits(visits) {
  const most = new Map();
  for (const { camera, count } of visits) most.set(camera, Math.max(count, most.get(camera) ?? 0));
  return [...most].map(([camera, count], at) => `${camera} ${at ? count : faces(count)}`).join(", ");
}

/** The announcement of a camera's new state. */
export function spokenChange(camera, state) {
  const said = { stale: "has no new picture", slow: "is slow", away: "is away", damaged: "can't be read", live: "is live again", off: "is off" };
  return `${camera} ${said[state]}`;
}
