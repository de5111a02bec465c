// A PostgreSQL server of a test's own, which it may stop in the middle of everything.

import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { freePort } from "./program.mjs";
import { until } from "./until.mjs";

const run = promisify(execFile);
const user = "anteroom";

export class PostgresServer {
  #server;

  /** Makes a cluster in a new folder and starts it. */
  static async start() {
    const server = new PostgresServer();
    server.bin = process.env.ANTEROOM_TEST_POSTGRES_BIN;
    if (!server.bin) throw new Error("ANTEROOM_TEST_POSTGRES_BIN is missing: cargo xtask test --only survival");
    server.folder = await mkdtemp(join(tmpdir(), "anteroom-postgres-"));
    server.port = await freePort();
    server.as = otherThanRoot();
    if (server.as.uid !== undefined) await chown(server.folder, server.as.uid, server.as.gid);
    await run(join(server.bin, "initdb"), [
      ...["--pgdata", join(server.folder, "data"), "--username", user],
      ...["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
    ], { ...server.as, cwd: server.folder });
    await server.resume();
    return server;
  }

  get url() {
    return `postgres://${user}@127.0.0.1:${this.port}/postgres`;
  }

  /** Starts it (again). */
  async resume() {
    // Not synced to disk: the machine does not die in a test, only the server. But what was committed must outlive that.
    this.#server = spawn(join(this.bin, "postgres"), [
      ...["-D", join(this.folder, "data"), "-k", this.folder, "-h", "127.0.0.1", "-p", String(this.port)],
      ...["-c", "fsync=off", "-c", "synchronous_commit=on"],
    ], { ...this.as, cwd: this.folder, stdio: "ignore" });
    const isReady = () => run(join(this.bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(this.port)]);
    await until("PostgreSQL answers", () => isReady().then(() => true), { seconds: 30 });
  }

  /** Stops as `pg_ctl stop -m immediate` does: every connection is cut, nothing is written down first. */
  async stopImmediately() {
    if (this.#server?.exitCode !== null) return;
    this.#server.kill("SIGQUIT");
    await once(this.#server, "exit");
  }

  async remove() {
    await this.stopImmediately();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** PostgreSQL refuses to run as root. */
function otherThanRoot() {
  if (process.getuid() !== 0) return {};
  const id = (which) => Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
