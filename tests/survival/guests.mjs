// Many people in rooms, without a browser for each: crates/media/examples/room_guests.rs takes their sockets.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const binary = process.env.ANTEROOM_ROOM_GUESTS ?? join(root, "target/debug/examples/room_guests");

/** The process that all guests live in. */
export class Guests {
  #child = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
  #exited = once(this.#child, "exit");
  #offers = new Map();

  constructor() {
    createInterface(this.#child.stdout).on("line", (line) => {
      const { guest, sdp } = JSON.parse(line);
      if (sdp) this.#offers.get(guest)?.(sdp);
    });
  }

  /** Joins the room of a tab whose person was let in, in place of any earlier connection of theirs. */
  async join(tab) {
    const { ticket } = await tab.post("join", {});
    const sdp = await this.#offer(tab.seat);
    const answer = await tab.post("room/offer", { ticket, sdp });
    this.#order({ guest: tab.seat, do: "connect", sdp: answer.sdp });
  }

  /** Closes the connection, as a closed tab does. */
  hangUp(tab) {
    this.#order({ guest: tab.seat, do: "hang-up" });
  }

  async stop() {
    this.#child.stdin.end();
    await this.#exited;
  }

  #offer(guest) {
    const offer = new Promise((resolve) => this.#offers.set(guest, resolve));
    this.#order({ guest, do: "offer" });
    return offer;
  }

  #order(order) {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }
}
