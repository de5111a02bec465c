/**
 * Stays in the room: asks for a ticket, joins, and joins anew for as long as the server lets this
 * person in. What a ticket of one kind takes stands in that kind's own module.
 */
import { backoffMs, waitOrOnline } from '../backoff.js';
import { postJson } from '../http.js';
import * as native from './native.js';

const KINDS = { native: native.join };

// The person is not (or no longer) let in: the page, loaded anew, says why. Some refusals of these
// kinds pass with the next try.
const NOT_LET_IN = [401, 403, 404, 409, 410];
const PASSING = ['ticket-expired', 'connection-gone', 'room-full'];

export class Session {
  #joinUrl;
  #local;
  #on;
  #kinds;
  #post;
  #wait;
  #connection = null;
  #over = false;

  /**
   * `on` takes `state(name, message)`, `streams(list)` and `over(reason)`, as in `room/native.js`; the further
   * reason `refused` means that no ticket was given. `message` is what the server says to `lost`.
   */
  constructor(joinUrl, local, on, { kinds = KINDS, post = postJson, wait = waitOrOnline } = {}) {
    this.#joinUrl = joinUrl;
    this.#local = local;
    this.#on = on;
    this.#kinds = kinds;
    this.#post = post;
    this.#wait = wait;
  }

  /** Joins, and returns when it is over. */
  async run() {
    let failures = 0;
    this.#on.state('connecting');
    while (!this.#over) {
      let refusal;
      try {
        await this.#joinOnce(() => (failures = 0));
      } catch (error) {
        if (NOT_LET_IN.includes(error.status) && !PASSING.includes(error.code)) return this.#end('refused');
        if (error.name === 'Refused') refusal = error;
      }
      if (this.#over) return;
      this.#on.streams([]);
      this.#on.state('lost', refusal?.message);
      await this.#wait(refusal?.retryAfterMs ?? backoffMs(failures));
      failures += 1;
      if (!this.#over) this.#on.state('reconnecting');
    }
  }

  /** The network has changed. */
  nudge() {
    this.#connection?.nudge();
  }

  /** Leaves the room. */
  close() {
    this.#over = true;
    this.#connection?.close();
  }

  /** Resolves when the connection is lost or over. */
  async #joinOnce(onConnected) {
    const renew = () => this.#post(this.#joinUrl, {});
    const ticket = await renew();
    const join = this.#kinds[ticket.kind];
    if (!join) throw new Error(`no way to join a meeting of kind ${ticket.kind}`);

    let done;
    const gone = new Promise((resolve) => (done = resolve));
    const on = {
      streams: (streams) => this.#on.streams(streams),
      over: (reason) => {
        this.#end(reason);
        done();
      },
      state: (state) => {
        if (state === 'lost') return done();
        if (state === 'connected') onConnected();
        this.#on.state(state);
      },
    };
    this.#connection = await join(ticket, this.#local, on, renew);
    if (this.#over) this.#connection.close();
    else await gone;
    this.#connection.close();
  }

  #end(reason) {
    if (this.#over) return;
    this.close();
    this.#on.over(reason);
  }
}
