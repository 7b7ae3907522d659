/* The one connection to the monitor: opened again by itself, and given up as soon as it is known to be dead. */

const PROTOCOL = "seccam.v1";
/** The close code of a login that has ended. */
const LOGGED_OUT = 4401;
/** And of a monitor that has as many viewers as it may. */
const FULL = 4429;
/** Milliseconds between tries, from the first to the last; each is varied by half of it, and never over LONGEST. */
const BACKOFF = [500, 1000, 2000, 4000, 8000];
const LONGEST = 10_000;
/** A connection that held so long was a good one: the next loss starts from the first wait again. */
const GOOD = 30_000;
const CONNECT_TIMEOUT = 5000;
/** The monitor speaks every second: told to the viewer after the first of these, closed after the second. */
const SILENT = 3000;
const DEAD = 5000;
/** After the page was away, the connection has this long to answer. */
const PROBE = 2000;
const PING_EVERY = 10_000;
const FIRST_PINGS = 5;
const HIDDEN_TOO_LONG = 5 * 60_000;

export class Socket {
  #url;
  #on;
  #socket = null;
  #openedAt = null;
  #heard = 0;
  #startedAt = 0;
  #pinged = 0;
  #probed = null;
  #tries = 0;
  #next = null;
  #lostAt = null;
  #full = false;
  #hiddenAt = document.hidden ? performance.now() : null;

  /**
   * @param {string} url
   * @param {object} on
   * @param {(message: object) => void} on.message
   * @param {(buffer: ArrayBuffer) => void} on.frame
   * @param {() => void} on.closed
   * @param {() => void} on.refused the monitor didn't let us in, or not any longer: perhaps for want of a login
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    document.addEventListener("visibilitychange", () => this.#visibility());
    for (const name of ["pageshow", "online"]) addEventListener(name, () => this.#probe());
  }

  /** Open it now; one that is there is given up. */
  connect() {
    this.#drop();
    this.#next = null;
    this.#startedAt = performance.now();
    const socket = new WebSocket(this.#url, PROTOCOL);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => {
      if (this.#openedAt === null || code === LOGGED_OUT) this.#on.refused();
      this.#lost(code === FULL);
    };
    this.#socket = socket;
  }

  /** Send an object; without effect while there is no connection. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  ping() {
    this.#pinged = performance.now();
    this.send({ type: "ping", c: this.#pinged });
  }

  /** While the monitor can't be heard: {since: wall clock, next: ms to the next try or null, full: it says why}; else null. */
  get trouble() {
    const now = performance.now();
    const next = this.#next === null ? null : this.#next - now;
    if (this.#lostAt !== null) return { since: this.#lostAt, next, full: this.#full }; // open or not: until it is heard
    if (this.#openedAt !== null) {
      const silence = now - this.#heard;
      return silence > SILENT ? { since: Date.now() - silence, next } : null;
    }
    if (this.#socket === null && next === null) return null; // closed on purpose
    const trying = now - this.#startedAt; // for the first time
    return trying > SILENT ? { since: Date.now() - trying, next } : null;
  }

  /** Called several times a second: everything that has its time. */
  tick() {
    const now = performance.now();
    if (this.#hiddenAt !== null && now - this.#hiddenAt > HIDDEN_TOO_LONG && this.#socket !== null) {
      this.#drop();
      this.#next = this.#lostAt = null; // on purpose
    } else if (this.#socket === null) {
      if (this.#next !== null && now >= this.#next) this.connect();
    } else if (this.#openedAt === null) {
      if (now - this.#startedAt > CONNECT_TIMEOUT) this.#lost();
    } else if (now - this.#heard > DEAD) {
      this.#lost();
    } else if (this.#probed !== null && now - this.#probed > PROBE) {
      this.renew();
    } else if (now - this.#pinged > PING_EVERY) {
      this.ping();
    }
  }

  /** Leave it and open another without delay. */
  renew() {
    this.#tries = 0;
    this.connect();
  }

  #opened() {
    this.#openedAt = this.#heard = performance.now();
    // before anything else flows: their round trips are the fastest that this connection will see
    for (let i = 0; i < FIRST_PINGS; i += 1) this.ping();
  }

  #received(data) {
    this.#heard = performance.now();
    this.#probed = this.#lostAt = null;
    if (data instanceof ArrayBuffer) this.#on.frame(data);
    else this.#on.message(JSON.parse(data));
  }

  #lost(full = false) {
    const now = performance.now();
    this.#full = full;
    if (this.#openedAt !== null && now - this.#openedAt > GOOD) this.#tries = 0;
    const wait = BACKOFF[Math.min(this.#tries, BACKOFF.length - 1)] * (0.5 + Math.random());
    this.#drop();
    this.#lostAt ??= Date.now();
    this.#tries += 1;
    this.#next = now + Math.min(wait, LONGEST);
  }

  #drop() {
    const socket = this.#socket;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    if (this.#openedAt !== null) this.#lostAt ??= Date.now() - (performance.now() - this.#heard);
    this.#socket = this.#openedAt = this.#probed = null;
    this.#on.closed();
  }

  #visibility() {
    this.#hiddenAt = document.hidden ? performance.now() : null;
    if (!document.hidden) this.#probe();
  }

  /** The page was away: find out whether the connection still lives (a phone leaves dead ones open). */
  #probe() {
    if (this.#openedAt !== null) {
      this.#probed ??= performance.now();
      this.ping();
    } else if (this.#socket === null) {
      this.renew();
    }
  }
}
