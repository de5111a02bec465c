// Starts the program under test and stops it again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { access, mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { until } from "./until.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const binary = process.env.ANTEROOM_BIN ?? join(root, "target/debug/anteroom");
const logs = join(root, "target/test-logs");

/** A running `anteroom`; its log lies below target/test-logs/. */
export class Program {
  #child;
  #exited;

  /** Starts `anteroom` with these arguments. `name` names its log file. */
  static async start(name, args, env = {}) {
    await access(binary).catch(() => {
      throw new Error(`${binary} is missing: cargo build`);
    });
    await mkdir(logs, { recursive: true });
    const program = new Program();
    program.log = join(logs, `${name}.log`);
    const log = createWriteStream(program.log);
    await once(log, "open");
    program.#child = spawn(binary, args, { env: { ...process.env, ...env }, stdio: ["ignore", log, log] });
    program.#exited = once(program.#child, "exit").catch((error) => [error]);
    return program;
  }

  /** Its process id. */
  get pid() {
    return this.#child.pid;
  }

  /** Waits until `ready` answers something, asked `everyMs`; fails at once when the program ends before. */
  async ready(ready, { everyMs } = {}) {
    const ended = new AbortController();
    this.#exited.then(([how]) => ended.abort(new Error(`anteroom ended (${how}) before it was ready`)));
    try {
      return await until("anteroom is ready", ready, { seconds: 60, everyMs, signal: ended.signal });
    } catch (error) {
      throw new Error(`${error.message}; its log:\n${await this.logText()}`, { cause: error });
    }
  }

  /** What it logged so far. */
  async logText() {
    return readFile(this.log, "utf8");
  }

  /** Asks it to stop, as a service manager does, and answers its exit code once it has. */
  async stop(signal = "SIGTERM") {
    this.#child.kill(signal);
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), 15_000);
    const [code] = await this.#exited;
    clearTimeout(patience);
    return code;
  }
}

/** A port of 127.0.0.1 that nobody holds now. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
