/* The connection to the monitor: reopened automatically, and closed as soon as it is known to be dead. */

const PROTOCOL = "seccam.v1";
/** Close code: the login has ended. */
const LOGGED_OUT = 4401;
/** Close code: the monitor has the maximum number of viewers. */
const FULL = 4429;
/** Milliseconds between attempts, from the first on; each is varied by up to half, and is at most LONGEST. */
const BACKOFF = [500, 1000, 2000, 4000, 8000];
const LONGEST = 10_000;
/** After a connection that lasted this long, the next loss starts from the first wait again. */
const GOOD = 30_000;
const CONNECT_TIMEOUT = 5000;
/** The monitor sends something every second. Silence is shown after SILENT, and ends the connection after DEAD. */
const SILENT = 3000;
const DEAD = 5000;
/** When the page returns from the background, the connection must answer within this. */
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
   * @param {() => void} on.refused the monitor refused or ended the connection, perhaps because there is no login
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    document.addEventListener("visibilitychange", () => this.#visibility());
    for (const name of ["pageshow", "online"]) addEventListener(name, () => this.#probe());
  }

  /** Open a connection now, closing any other. */
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

  /** Send an object; does nothing without a connection. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  ping() {
    this.#pinged = performance.now();
    this.send({ type: "ping", c: this.#pinged });
  }

  /** Null while connected, else {since: wall clock, next: ms to the next attempt or null, full: too many viewers}. */
  get trouble() {
    const now = performance.now();
    const next = this.#next === null ? null : this.#next - now;
    if (this.#lostAt !== null) return { since: this.#lostAt, next, full: this.#full }; // until something is received
    if (this.#openedAt !== null) {
      const silence = now - this.#heard;
      return silence > SILENT ? { since: Date.now() - silence, next } : null;
    }
    if (this.#socket === null && next === null) return null; // closed on purpose
    const trying = now - this.#startedAt; // for the first time
    return trying > SILENT ? { since: Date.now() - trying, next } : null;
  }

  /** Do whatever is due. Called several times a second. */
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

  /** Replace the connection without delay. */
  renew() {
    this.#tries = 0;
    this.connect();
  }

  #opened() {
    this.#openedAt = this.#heard = performance.now();
    // before any other traffic: these round trips are the fastest that this connection will have
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

  /** The page is back: find out whether the connection is still alive (phones leave dead ones open). */
  #probe() {
    if (this.#openedAt !== null) {
      this.#probed ??= performance.now();
      this.ping();
    } else if (this.#socket === null) {
      this.renew();
    }
  }
}
