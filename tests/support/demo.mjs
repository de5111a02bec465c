// The demo: Anteroom and the simulated EHR side by side, as somebody runs it who tries the program out.

import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Program, freePort } from "./program.mjs";

// Tests do not wait half a minute for a light to go out.
const SHORT_GRACE = { ANTEROOM_EHR__0__CONNECTION_STATUS__GRACE_SECONDS: "2" };

/** Both on free ports, with an empty data folder. */
export class Demo {
  #name;
  #settings;
  #folder;
  #program;

  /**
   * @param name names the log below target/test-logs/
   * @param settings what the environment puts over the demo's configuration
   */
  static async start(name, settings = {}) {
    const demo = new Demo();
    demo.#name = name;
    demo.#folder = await mkdtemp(join(tmpdir(), "anteroom-demo-"));
    demo.metricsUrl = `http://127.0.0.1:${await freePort()}/metrics`;
    const metrics = { ANTEROOM_SERVER__METRICS_LISTEN: new URL(demo.metricsUrl).host };
    demo.#settings = { ...SHORT_GRACE, ...metrics, ...settings };
    /** The logs of all starts. */
    demo.logs = [];
    try {
      await demo.#run("127.0.0.1:0", "127.0.0.1:0");
      return demo;
    } catch (error) {
      await demo.stop();
      throw error;
    }
  }

  async #run(listen, ehrListen) {
    const readyFile = join(this.#folder, "ready.json");
    const log = this.logs.length === 0 ? this.#name : `${this.#name}-${this.logs.length + 1}`;
    const places = ["--listen", listen, "--ehr-listen", ehrListen, "--media-port", "0"];
    const files = ["--data-dir", join(this.#folder, "data"), "--ready-file", readyFile];
    this.#program = await Program.start(log, ["demo", ...places, ...files], this.#settings);
    this.logs.push(this.#program.log);
    const urls = await this.#program.ready(async () => JSON.parse(await readFile(readyFile, "utf8")));
    /** Where both are, and the operator: anteroom, ehr, admin, admin_user, admin_password. */
    Object.assign(this, urls);
  }

  /** Its process id. */
  get pid() {
    return this.#program.pid;
  }

  /** Ends it at once, as a power cut does. */
  async kill() {
    await this.#program.stop("SIGKILL");
    await rm(join(this.#folder, "ready.json"));
  }

  /** Starts it again at the same addresses with the same data. The simulated EHR keeps none: its visits are new. */
  async comeBack() {
    await this.#run(new URL(this.anteroom).host, new URL(this.ehr).host);
  }

  /** Ends it in order, and answers what it leaves behind: its logs, and every file of its data but keys. */
  async stop() {
    await this.#program?.stop();
    const left = new Map();
    for (const log of this.logs) left.set(log, await readFile(log));
    const entries = await readdir(this.#folder, { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((entry) => entry.isFile() && /\.(db|sqlite3?)(-\w+)?$/.test(entry.name))) {
      left.set(entry.name, await readFile(join(entry.parentPath ?? entry.path, entry.name)));
    }
    await rm(this.#folder, { recursive: true, force: true });
    return left;
  }
}
