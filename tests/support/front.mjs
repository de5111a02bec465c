// A reverse proxy before a server under test: it chooses who answers, and can keep requests and answers back.

import { once } from "node:events";
import { createServer, request as ask } from "node:http";

/** What stands before a server; stands still while the server behind it dies and comes back. */
export class Front {
  #server;
  #choose;
  #holds = [];

  /** `choose` takes a request and answers the ports of 127.0.0.1 to try, in order. */
  static async start(choose) {
    const front = new Front();
    front.#choose = choose;
    front.#server = createServer((request, response) => front.#pass(request, response));
    front.#server.listen(0, "127.0.0.1");
    await once(front.#server, "listening");
    front.port = front.#server.address().port;
    front.url = `http://127.0.0.1:${front.port}`;
    return front;
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Cuts off everybody who is being served. */
  dropConnections() {
    this.#server.closeAllConnections();
  }

  /** Keeps back the next request whose path and query match, before the server has seen it. */
  holdRequest(matches) {
    return this.#hold("request", matches);
  }

  /** Keeps back the answer to the next request whose path and query match: the server has done its part. */
  holdAnswer(matches) {
    return this.#hold("answer", matches);
  }

  #hold(what, matches) {
    const hold = new Hold(what, matches);
    this.#holds.push(hold);
    return hold;
  }

  async #passesBy(what, url) {
    const at = this.#holds.findIndex((hold) => hold.what === what && hold.matches.test(url));
    if (at === -1) return;
    const [hold] = this.#holds.splice(at, 1);
    await hold.keep();
  }

  async #pass(request, response) {
    try {
      const body = Buffer.concat(await request.toArray());
      await this.#passesBy("request", request.url);
      if (response.destroyed) return;
      const answer = await this.#forward(request, response, body);
      await this.#passesBy("answer", request.url);
      response.writeHead(answer.statusCode, answer.rawHeaders);
      response.flushHeaders();
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    } catch {
      // The server is gone: its visitors learn that as they would without a proxy.
      response.destroy();
    }
  }

  async #forward(request, response, body) {
    const { method, url, headers } = request;
    let refused;
    for (const port of this.#choose(request)) {
      const forwarded = ask({ host: "127.0.0.1", port, method, path: url, headers, agent: false });
      response.on("close", () => forwarded.destroy());
      forwarded.end(body);
      try {
        const [answer] = await once(forwarded, "response");
        return answer;
      } catch (error) {
        if (error.code !== "ECONNREFUSED") throw error;
        refused = error;
      }
    }
    throw refused ?? new Error("nobody is there to ask");
  }
}

/** Something that is kept back. */
class Hold {
  #release;
  #reach;

  constructor(what, matches) {
    Object.assign(this, { what, matches });
    /** Resolves once something is kept back. */
    this.reached = new Promise((resolve) => (this.#reach = resolve));
    this.released = new Promise((resolve) => (this.#release = resolve));
  }

  async keep() {
    this.#reach();
    await this.released;
  }

  /** Lets it go on; where nothing is kept back yet, nothing will be. */
  release() {
    this.#release();
  }
}
