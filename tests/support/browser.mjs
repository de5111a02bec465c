// Real Chromium windows with fake cameras and microphones.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { until } from "./until.mjs";

const screenshots = fileURLToPath(new URL("../screenshots/", import.meta.url));

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** Widths at which every page is looked at: a desk and a phone. */
const widths = { desk: 1280, phone: 390 };

/** One Chromium; each person in it has cookies and storage of their own. */
export class Browser {
  #chromium;

  static async start() {
    const browser = new Browser();
    // Playwright gives every start a user-data-dir of its own.
    browser.#chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: flags,
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
    context.on("weberror", (event) => this.troubles.push(`uncaught: ${event.error().message}`));
    context.on("console", (message) => {
      if (message.type() === "error") this.troubles.push(`console: ${message.text()}`);
    });
    context.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      const ours = ["127.0.0.1", "localhost"].includes(hostname) || !protocol.startsWith("http");
      if (!ours) this.troubles.push(`request to ${hostname}`);
    });
  }

  /** Opens an address in a new tab. */
  async open(url) {
    const page = await this.context.newPage();
    await page.goto(url);
    return new View(page);
  }

  async leave() {
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
  async seesAndHears() {
    const before = await this.received();
    return until("pictures and sound arrive", async () => {
      const now = await this.received();
      const seen = now.framesDecoded >= before.framesDecoded + 10;
      const heard = now.audioEnergy > before.audioEnergy;
      if (!seen || !heard) throw new Error(`so far ${JSON.stringify(now)}, at first ${JSON.stringify(before)}`);
      return now;
    });
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

  /** Pictures of the whole page for people to look at, at desk and phone width. */
  async screenshot(name) {
    await mkdir(screenshots, { recursive: true });
    const usual = this.page.viewportSize();
    for (const [device, width] of Object.entries(widths)) {
      await this.page.setViewportSize({ width, height: 844 });
      await this.page.screenshot({ path: join(screenshots, `${name}-${device}.png`), fullPage: true });
    }
    await this.page.setViewportSize(usual);
  }
}
