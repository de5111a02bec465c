// Real Chromium windows with fake cameras and microphones.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { secretsOf } from "./secrets.mjs";
import { until } from "./until.mjs";

const screenshots = fileURLToPath(new URL("../screenshots/", import.meta.url));
const axe = createRequire(import.meta.url).resolve("axe-core");

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What a browser has and how its question is answered; flags of Chromium. */
export const devices = {
  // Few pictures a second: two processors make and read those of a whole group.
  there: ["--use-fake-device-for-media-stream=fps=12", "--use-fake-ui-for-media-stream"],
  missing: ["--use-fake-ui-for-media-stream"],
  denied: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"],
};

/** Widths at which every page is looked at: a desk and a phone. */
const widths = { desk: 1280, phone: 390 };

/** One Chromium; each person in it has cookies and storage of their own. */
export class Browser {
  #chromium;

  /** @param more further flags, as of `devices` */
  static async start(more = devices.there) {
    const browser = new Browser();
    // Playwright gives every start a user-data-dir of its own.
    browser.#chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [...flags, ...more],
    });
    return browser;
  }

  /** Somebody with a browser of their own, who has never been here. */
  async person(options = {}) {
    const context = await this.#chromium.newContext({ viewport: { width: widths.desk, height: 800 }, ...options });
    context.setDefaultTimeout(15_000);
    await context.addInitScript(rememberPeerConnections);
    return new Person(context);
  }

  async stop() {
    await this.#chromium.close();
  }
}

/** One person: cookies, storage and tabs that nobody else sees. */
export class Person {
  constructor(context) {
    this.context = context;
    /** What no page may do: throw, complain on the console, ask another machine. */
    this.troubles = [];
    /** What nobody may write down: `{what, text}`. */
    this.secrets = [];
    context.on("weberror", (event) => this.troubles.push(`uncaught: ${event.error().message}`));
    context.on("console", (message) => {
      if (message.type() === "error") this.troubles.push(`console: ${message.text()}`);
    });
    context.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      const ours = ["127.0.0.1", "localhost"].includes(hostname) || !protocol.startsWith("http");
      if (!ours) this.troubles.push(`request to ${hostname}`);
      this.secrets.push(...secretsOf(request));
    });
  }

  /** Opens an address in a new tab. */
  async open(url) {
    const page = await this.context.newPage();
    await page.goto(url);
    return new View(page);
  }

  /** Chromium tells the console about every answer with an error status; here one is meant. */
  forgiveStatus() {
    this.forgive(/the server responded with a status/);
  }

  /** The network, or the server at its other end, was gone; here that is meant. */
  forgiveNetwork() {
    this.forgive(/net::ERR_/);
  }

  /** Forgets troubles that are meant. */
  forgive(meant) {
    this.troubles = this.troubles.filter((trouble) => !meant.test(trouble));
  }

  async leave() {
    const cookies = await this.context.cookies();
    this.secrets.push(...cookies.map(({ value }) => ({ what: "cookie", text: value })));
    await this.context.close();
  }
}

/** Runs in the page before its own scripts, so that statistics can be read that the page has no reason to expose. */
function rememberPeerConnections() {
  const made = (window.peerConnectionsOfTest = []);
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...args) {
      super(...args);
      made.push(this);
    }
  };
}

/** One of Anteroom's pages, in a tab or in a frame of another page. */
export class View {
  /** `frame` is where the page is; `page` is the tab around it. */
  constructor(page, frame = page.mainFrame()) {
    this.page = page;
    this.frame = frame;
  }

  /** Waits for the page of this name, in this state where one is given. */
  async at(name, state) {
    const body = `body[data-page="${name}"]` + (state ? `[data-state="${state}"]` : "");
    await this.frame.locator(body).waitFor({ state: "attached" }).catch(async (error) => {
      throw new Error(`expected ${body}, found ${await this.#whereabouts()}`, { cause: error });
    });
    return this;
  }

  async #whereabouts() {
    const describe = () => `${JSON.stringify({ ...document.body.dataset })} "${document.title}"`;
    return this.frame.evaluate(describe).catch((error) => `no page (${error.message})`);
  }

  /** The button with this accessible name, a text or a pattern. */
  button(name) {
    return this.frame.getByRole("button", { name, exact: true });
  }

  /** What opens a question that is asked once, such as "End visit". */
  disclosure(text) {
    return this.frame.locator("summary").getByText(text, { exact: true });
  }

  /** Waits until this text is on the page. */
  async says(text) {
    await this.frame.getByText(text).first().waitFor();
  }

  /** Waits until the page no longer says that it has lost the server. */
  async connectionReturns() {
    await this.frame.locator("#connection").waitFor({ state: "hidden", timeout: 30_000 });
  }

  /** Waits until the page's scripts take a press on Join. */
  async canJoin() {
    await this.frame.locator("#join:enabled").waitFor();
  }

  /** Waits until this person is connected to the room. */
  async inCall() {
    await this.frame.locator('#room[data-call="connected"]').waitFor();
  }

  /** What arrived from the other side, over all connections of the page. */
  async received() {
    return this.frame.evaluate(async () => {
      const sum = { framesDecoded: 0, audioPackets: 0, audioEnergy: 0 };
      for (const connection of window.peerConnectionsOfTest) {
        for (const report of (await connection.getStats()).values()) {
          if (report.type !== "inbound-rtp") continue;
          if (report.kind === "video") sum.framesDecoded += report.framesDecoded ?? 0;
          if (report.kind === "audio") {
            sum.audioPackets += report.packetsReceived ?? 0;
            sum.audioEnergy += report.totalAudioEnergy ?? 0;
          }
        }
      }
      return sum;
    });
  }

  /** Waits until the other side is seen and heard: more pictures and more sound than a moment ago. */
  async seesAndHears(seconds = 20) {
    const before = await this.received();
    const question = async () => {
      const now = await this.received();
      const seen = now.framesDecoded >= before.framesDecoded + 10;
      const heard = now.audioEnergy > before.audioEnergy;
      if (!seen || !heard) throw new Error(`so far ${JSON.stringify(now)}, at first ${JSON.stringify(before)}`);
      return now;
    };
    return until("pictures and sound arrive", question, { seconds });
  }

  /** Waits until no more pictures arrive. */
  async seesNothingMore() {
    let before = await this.received();
    return until("pictures stop", async () => {
      const { framesDecoded } = before;
      await this.page.waitForTimeout(1000);
      before = await this.received();
      return before.framesDecoded === framesDecoded;
    });
  }

  /**
   * Looks at the page as different people will: keeps pictures of it at desk and phone width, and fails where it
   * would scroll sideways on a phone or keeps somebody out who cannot see, hear or use a mouse.
   */
  async look(name) {
    await this.#pictures(name);
    assert.deepEqual(await this.#barriers(), [], `accessibility of ${name}`);
  }

  async #pictures(name) {
    await mkdir(screenshots, { recursive: true });
    const usual = this.page.viewportSize();
    for (const [device, width] of Object.entries(widths)) {
      await this.page.setViewportSize({ width, height: 844 });
      const sideways = await this.frame.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
      await this.page.screenshot({ path: join(screenshots, `${name}-${device}.png`), fullPage: true });
      assert.ok(sideways <= 0, `${name} is ${sideways} px wider than ${width} px`);
    }
    await this.page.setViewportSize(usual);
  }

  async #barriers() {
    await this.frame.evaluate(await readFile(axe, "utf8"));
    const { violations } = await this.frame.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
    return violations
      .filter(({ impact }) => ["serious", "critical"].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  }
}
