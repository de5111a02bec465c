// The simulated EHR and nodes of Anteroom, each a process of its own, behind addresses that outlive them.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Front } from "../support/front.mjs";
import { PlainBrowser } from "../support/plain-browser.mjs";
import { Program, freePort } from "../support/program.mjs";
import { launchUrl, statusReports } from "../support/simulated-ehr.mjs";
import { until } from "../support/until.mjs";
import { Tab } from "./tab.mjs";

/** Goes to the node of this name first, as the sticky sessions of a load balancer do; to another if it is gone. */
export const at = (node) => ({ "x-node": node });

/** What all nodes share: an address, a data folder, perhaps a database, and the EHR. */
export class House {
  nodes = new Map();

  /**
   * `database` is the address of an empty PostgreSQL database; without it SQLite. `settings` are further lines of
   * the EHR connection, such as `visits = {…}`, and `statusSettings` of its `connection_status`.
   */
  static async open(name, { database, settings = "", statusSettings = "", media = "" } = {}) {
    const house = new House();
    Object.assign(house, { name, database, settings, statusSettings, media });
    house.folder = await mkdtemp(join(tmpdir(), "anteroom-survival-"));
    try {
      house.front = await Front.start((request) => house.#choose(request.headers["x-node"]));
      house.ehrFront = await Front.start(() => [house.ehrPort]);
      await house.#startEhr();
      return house;
    } catch (error) {
      await house.close();
      throw error;
    }
  }

  async close() {
    await Promise.all([...this.nodes.values()].map((node) => node.kill()));
    await this.ehr?.program.stop();
    await this.front?.stop();
    await this.ehrFront?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  get dataDir() {
    return join(this.folder, "data");
  }

  /** Starts a node that was never there. */
  async start(name) {
    const node = new Node(this, name);
    for (const port of ["port", "mediaPort", "metricsPort"]) node[port] = await freePort();
    this.nodes.set(name, node);
    await node.start();
    return node;
  }

  /** Somebody with a browser of their own opens a link in the EHR, and comes to their seat. */
  async launch(kind, user, appointment, browser = new PlainBrowser()) {
    const page = await browser.open(await launchUrl(this.ehr.url, kind, user, appointment));
    return new Tab(browser, page);
  }

  /** What was reported to the EHR about a person, oldest first. */
  async reports(externalId) {
    const log = await statusReports(this.ehr.url);
    return log.filter((report) => !externalId || report.external_id === externalId);
  }

  #choose(wanted) {
    const nodes = [...this.nodes.values()];
    const first = nodes.filter(({ name }) => name === wanted);
    return [...first, ...nodes.filter((node) => !first.includes(node))].map(({ port }) => port);
  }

  async #startEhr() {
    this.ehrPort = await freePort();
    const readyFile = join(this.folder, "ehr.json");
    const program = await Program.start(`${this.name}-ehr`, [
      "sandbox",
      ...["--listen", `127.0.0.1:${this.ehrPort}`],
      ...["--public-url", this.ehrFront.url],
      ...["--app-url", this.front.url],
      ...["--ready-file", readyFile],
    ]);
    const told = await program.ready(async () => JSON.parse(await readFile(readyFile, "utf8")));
    this.ehr = { program, url: told.ehr, told };
  }
}

/** One process of Anteroom, which may die and be started again. */
class Node {
  #starts = 0;

  constructor(house, name) {
    Object.assign(this, { house, name });
  }

  /** Starts it, and waits until it is ready. */
  async start() {
    this.#starts += 1;
    const config = join(this.house.folder, `${this.name}.toml`);
    await writeFile(config, this.#configuration(), { mode: 0o600 });
    const log = [this.house.name, this.name, this.#starts].join("-");
    this.program = await Program.start(log, ["serve", "--config", config]);
    await this.program.ready(() => this.isReady());
  }

  /** As `kill -9`: no word to anybody. */
  async kill() {
    await this.program?.stop("SIGKILL");
  }

  /** Asks it to stop, and answers its exit code. */
  async stop() {
    return this.program.stop("SIGTERM");
  }

  async isReady() {
    return (await this.readiness()) === 200;
  }

  /** What `/readyz` answers; `refused` where nobody listens. */
  async readiness() {
    const signal = AbortSignal.timeout(8000);
    const response = await fetch(`http://127.0.0.1:${this.port}/readyz`, { signal }).catch((error) => error);
    await response.body?.cancel();
    return response.status ?? "refused";
  }

  /** How many people its rooms hold. */
  async people() {
    const response = await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`);
    return Number((await response.text()).match(/^anteroom_media_people (\d+)/m)?.[1]);
  }

  #configuration() {
    const { front, dataDir, database, ehr, settings, statusSettings, media } = this.house;
    const { told } = ehr;
    return `
[server]
listen = "127.0.0.1:${this.port}"
metrics_listen = "127.0.0.1:${this.metricsPort}"
public_url = "${front.url}"
data_dir = "${dataDir}"
${database ? `database_url = "${database}"` : ""}

[[ehr]]
id = "${told.id}"
name = "Lamna Healthcare"
vendor = "epic"
environment = "non-production"
fhir_base_url = "${told.fhir_base_url}"
time_zone = "America/Chicago"
clients = { provider = "${told.clients.provider}", patient = "${told.clients.patient}" }
${settings}

[ehr.connection_status]
url = "${told.status_url}"
auth = "launch-token"
${statusSettings}

[media]
listen = "0.0.0.0:${this.mediaPort}"
${media}
`;
  }
}

/** Waits until this node says that its rooms hold so many people. */
export async function holds(node, people) {
  await until(`${node.name} holds ${people} people`, async () => (await node.people()) === people);
}
