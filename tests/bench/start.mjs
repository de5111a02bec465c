// How long the program takes from its start until it is ready: on an empty folder, where it makes keys and database,
// and on one that it knows.
//
// node tests/bench/start.mjs WHICH-BUILD [times]

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort, Program } from "../support/program.mjs";
import { median, ms, note } from "./figures.mjs";

const [build, times = 5] = process.argv.slice(2);

const taken = { first: [], again: [] };
for (let n = 0; n < Number(times); n += 1) {
  const folder = await mkdtemp(join(tmpdir(), "anteroom-bench-"));
  taken.first.push(await startToReady(folder));
  taken.again.push(await startToReady(folder));
  await rm(folder, { recursive: true, force: true });
}
note(`Start to ready, ${build}, the first start (keys are made), median of ${times}`, ms(median(taken.first)));
note(`Start to ready, ${build}, later starts, median of ${times}`, ms(median(taken.again)));

async function startToReady(folder) {
  const [port, ehrPort] = [await freePort(), await freePort()];
  const begun = performance.now();
  const program = await Program.start("bench-start", [
    "demo",
    ...["--listen", `127.0.0.1:${port}`],
    ...["--ehr-listen", `127.0.0.1:${ehrPort}`],
    ...["--data-dir", join(folder, "data")],
  ]);
  try {
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
    await program.ready(ready, { everyMs: 5 });
    return performance.now() - begun;
  } finally {
    await program.stop();
  }
}
