// What the whole program keeps in memory: the demo, its simulated EHR and media server included, when it is ready and
// after launches over real connections.
//
// node tests/bench/memory.mjs [launches]

import { readFile } from "node:fs/promises";

import { Demo } from "../support/demo.mjs";
import { launchUrl } from "../support/simulated-ehr.mjs";
import { judge, note } from "./figures.mjs";

const LIMIT_MB = 40;
const launches = Number(process.argv[2] ?? 100);

const demo = await Demo.start("bench-memory");
try {
  const before = await residentMb(demo.pid);
  for (let n = 0; n < launches; n += 1) {
    const [kind, user] = n % 2 === 0 ? ["provider", "finn"] : ["patient", "ana"];
    await launch(await launchUrl(demo.ehr, kind, user, "ana-now"));
  }
  const after = await residentMb(demo.pid);
  note("Memory of the demo when it is ready (simulated EHR and media server in it)", `${before.toFixed(1)} MB`);
  const what = `Memory of the demo after ${launches} launches`;
  judge(what, `< ${LIMIT_MB} MB`, `${after.toFixed(1)} MB`, after < LIMIT_MB);
} finally {
  await demo.stop();
}

/** What a browser does: to the EHR with the launch's cookie in hand, and back with it. */
async function launch(url) {
  const begun = await redirect(url);
  const cookie = begun.headers.getSetCookie()[0].split(";")[0];
  const authorized = await redirect(begun.headers.get("location"));
  const arrived = await redirect(authorized.headers.get("location"), { cookie });
  const seat = arrived.headers.get("location");
  if (!seat.startsWith("/seat/")) throw new Error(`a launch led to ${seat}`);
}

async function redirect(url, headers = {}) {
  const response = await fetch(url, { redirect: "manual", headers });
  const body = await response.text();
  if (!response.headers.has("location")) throw new Error(`${response.status}, no redirect: ${body.slice(0, 200)}`);
  return response;
}

async function residentMb(process) {
  const status = await readFile(`/proc/${process}/status`, "utf8");
  return (Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024) / 1e6;
}
