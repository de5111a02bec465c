// The page of one seat in a browser without scripts, and what its scripts would do.

import { EventStream } from "../support/event-stream.mjs";

/** A tab that shows a seat. */
export class Tab {
  constructor(browser, page) {
    this.browser = browser;
    this.page = page;
    if (!/\/seat\/[\w-]+$/.test(page.url)) {
      throw new Error(`the launch led to the page ${page.data("page")} (${page.data("error")}), not to a seat`);
    }
    this.url = page.url;
  }

  /** The seat's id. */
  get seat() {
    return this.url.split("/").at(-1);
  }

  get csrf() {
    return this.page.html.match(/name="csrf" (?:content|value)="([^"]+)"/)?.[1];
  }

  /** Which page it shows, such as `waiting`. */
  get shows() {
    return this.page.data("page");
  }

  /** How the seat stands, such as `admitted` or `connected`. */
  get state() {
    return this.page.data("state");
  }

  /** Loads the page anew. */
  async reload() {
    this.page = await this.browser.open(this.url);
    return this;
  }

  /** Presses a button, such as `admit`, about the seat of another person or its own. */
  async press(action, seat = this.seat) {
    const body = new URLSearchParams({ csrf: this.csrf, seat });
    this.page = await this.browser.open(`${this.url}/${action}`, { method: "POST", body });
    if (this.page.status !== 200) throw new Error(`${action} was answered by ${this.page.status}`);
  }

  /** Opens the event stream: from the page on, or from where another stream stopped. */
  async listen({ lastEventId } = {}) {
    const url = new URL(this.page.data("events"), this.url);
    url.searchParams.set("after", this.page.data("last-event"));
    return EventStream.open(this.browser, url.href, { lastEventId });
  }

  /** POSTs JSON below the seat and answers what it is answered. */
  async post(path, value) {
    const response = await this.browser.ask(`${this.url}/${path}`, {
      method: "POST",
      body: JSON.stringify(value),
      headers: { accept: "application/json", "content-type": "application/json", "x-csrf-token": this.csrf },
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} was answered by ${response.status} ${text}`);
    return JSON.parse(text);
  }
}
