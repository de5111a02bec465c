// Databases of the tests' own: made, looked into, and taken away.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const readSqlite = `
import json, sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
cursor = database.execute(sys.argv[2])
print(json.dumps([dict(zip([column[0] for column in cursor.description], row)) for row in cursor]))
`;

/** The rows that a query finds in an SQLite database. */
export async function sqliteRows(file, query) {
  const { stdout } = await run("python3", ["-c", readSqlite, file, query], { maxBuffer: 16 << 20 });
  return JSON.parse(stdout);
}

/** Makes an empty database on the test's PostgreSQL server and answers its address. */
export async function newPostgresDatabase(name) {
  const server = process.env.ANTEROOM_TEST_DATABASE_URL;
  if (!server) throw new Error("ANTEROOM_TEST_DATABASE_URL is missing: cargo xtask test --only survival");
  const database = `survival_${name}_${process.pid}`;
  await run(join(process.env.ANTEROOM_TEST_POSTGRES_BIN ?? "", "psql"), [server, "--quiet", "--command", `CREATE DATABASE ${database}`]);
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}
