// A stream of server-sent events, read as a browser's EventSource reads it.

import { until } from "./until.mjs";

/** An open stream, and all that it has said. */
export class EventStream {
  #abort = new AbortController();
  /** What came: `{ event, id, data, at }`. */
  received = [];
  ended = false;

  /** Opens the stream of a `PlainBrowser`; `lastEventId` is what a stream before it said last. */
  static async open(browser, url, { lastEventId } = {}) {
    const stream = new EventStream();
    const headers = { accept: "text/event-stream" };
    if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
    const response = await browser.ask(url, { headers, signal: stream.#abort.signal });
    if (response.status !== 200) throw new Error(`${url.replace(/\?.*/, "")} answered ${response.status}`);
    stream.#read(response.body).finally(() => (stream.ended = true));
    return stream;
  }

  /** The id of the last message that had one. */
  get lastEventId() {
    return this.received.findLast(({ id }) => id !== undefined)?.id;
  }

  /** The messages of this name so far, their data read as JSON. */
  all(event) {
    return this.received.filter((message) => message.event === event).map(({ data }) => data && JSON.parse(data));
  }

  /** Waits for a message of this name for which `is` holds, and answers it. */
  async hear(event, is = () => true, { seconds = 15 } = {}) {
    return until(`the stream says ${event}`, () => {
      const found = this.received.find((message) => message.event === event && is(message.data && JSON.parse(message.data)));
      if (!found && this.ended) throw new Error("the stream has ended");
      return found;
    }, { seconds, everyMs: 5 });
  }

  close() {
    this.#abort.abort();
  }

  async #read(body) {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const bytes of body) {
        text += decoder.decode(bytes, { stream: true });
        const messages = text.split("\n\n");
        text = messages.pop();
        this.received.push(...messages.map(read));
      }
    } catch {
      // Closed by us, or cut off; `ended` says so.
    }
  }
}

function read(message) {
  const fields = { at: performance.now() };
  for (const line of message.split("\n")) {
    const [, name, value] = line.match(/^([a-z]+): ?(.*)$/) ?? [];
    if (name) fields[name] = value;
  }
  return fields;
}
