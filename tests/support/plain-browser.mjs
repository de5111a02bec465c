// A browser without scripts: follows redirects, keeps cookies, submits the one form of a page.

/** One person's browser; knows cookies by host and name, which is what two servers on loopback need. */
export class PlainBrowser {
  #cookies = new Map();
  #headers;

  /** `headers` go with every request. */
  constructor(headers = {}) {
    this.#headers = headers;
  }

  /** Opens an address and answers the page where all redirects end. */
  async open(url, request = {}) {
    for (let hops = 0; hops < 20; hops += 1) {
      const signal = AbortSignal.timeout(15_000);
      const response = await this.ask(url, { signal, ...request });
      const location = response.headers.get("location");
      if (!location) return new Page(url, response.status, response.headers, await response.text());
      await response.body?.cancel();
      url = new URL(location, url).href;
      request = {};
    }
    throw new Error(`redirected without end, last to ${new URL(url).origin}`);
  }

  /** One request with this browser's cookies, and its answer, be it a redirect or not. */
  async ask(url, request = {}) {
    const cookie = this.#cookiesFor(url);
    const headers = { accept: "text/html", cookie, ...this.#headers, ...request.headers };
    const response = await fetch(url, { ...request, redirect: "manual", headers });
    this.#keepCookies(url, response);
    return response;
  }

  /** Submits the page's form with its hidden fields, as a script of the page would. */
  async submit(page) {
    const fields = new URLSearchParams();
    for (const [input] of page.html.matchAll(/<input\b[^>]*>/g)) {
      if (attribute(input, "name")) fields.append(attribute(input, "name"), attribute(input, "value") ?? "");
    }
    const form = page.html.match(/<form\b[^>]*>/)?.[0] ?? "";
    const action = new URL(attribute(form, "action") ?? "", page.url).href;
    return this.open(action, { method: "POST", body: fields });
  }

  #cookiesFor(url) {
    const { hostname, pathname } = new URL(url);
    return [...this.#cookies.values()]
      .filter((cookie) => cookie.hostname === hostname && pathname.startsWith(cookie.path))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }

  #keepCookies(url, response) {
    const { hostname } = new URL(url);
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(/; */);
      const name = pair.slice(0, pair.indexOf("="));
      const value = pair.slice(pair.indexOf("=") + 1);
      const path = attributes.find((text) => /^path=/i.test(text))?.slice(5) ?? "/";
      const gone = attributes.some((text) => /^max-age=0$/i.test(text)) || /1970/.test(attributes.join());
      const key = `${hostname} ${path} ${name}`;
      if (gone) this.#cookies.delete(key);
      else this.#cookies.set(key, { hostname, path, name, value });
    }
  }
}

class Page {
  constructor(url, status, headers, html) {
    Object.assign(this, { url, status, headers, html });
  }

  /** The `data-…` attributes of the body: what scripts and support staff go by. */
  data(name) {
    return attribute(this.html.match(/<body\b[^>]*>/)?.[0] ?? "", `data-${name}`);
  }
}

const named = { amp: "&", quot: '"', apos: "'", lt: "<", gt: ">" };

function attribute(tag, name) {
  const value = tag.match(new RegExp(`\\s${name}=(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`));
  const text = value?.[1] ?? value?.[2] ?? value?.[3];
  return text?.replace(/&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi, (entity, hex, decimal, name) => {
    if (name) return named[name] ?? entity;
    return String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal));
  });
}
