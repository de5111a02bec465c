// Two nodes on one PostgreSQL serve one visit, and one of them may die.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { Browser } from "../support/browser.mjs";
import { PlainBrowser } from "../support/plain-browser.mjs";
import { Desk, newVisits } from "../support/simulated-ehr.mjs";
import { until } from "../support/until.mjs";
import { newPostgresDatabase } from "./database.mjs";
import { House, at, holds } from "./house.mjs";

const patience = { timeout: 120_000 };
let house, a, b, chromium;

before(async () => {
  house = await House.open("two-nodes", { database: await newPostgresDatabase("two_nodes") });
  // One after the other: the first makes the keys.
  a = await house.start("a");
  b = await house.start("b");
  chromium = await Browser.start();
});
beforeEach(() => newVisits(house.ehr.url));
after(async () => {
  await chromium?.stop();
  await house?.close();
});

test("a patient who waits on one node is let in on the other, within a second", patience, async () => {
  const patient = await house.launch("patient", "ana", "ana-now", new PlainBrowser(at("a")));
  assert.equal(patient.shows, "waiting");
  const stream = await patient.listen();
  await stream.hear("ping");

  const clinician = await house.launch("provider", "finn", "ana-now", new PlainBrowser(at("b")));
  assert.match(clinician.page.html, new RegExp(`seat-${patient.seat}`));
  const pressed = performance.now();
  await clinician.press("admit", patient.seat);

  const heard = await stream.hear("changed", ({ page }) => page === "room");
  assert.ok(heard.at - pressed < 1000, `heard after ${heard.at - pressed} ms`);
  stream.close();
});

test("a launch begun on one node ends on the other", patience, async () => {
  const wanders = new PlainBrowser();
  const nodes = ["a", "b"];
  const ask = wanders.ask.bind(wanders);
  wanders.ask = (url, request) => {
    const headers = { ...request?.headers, ...at(nodes[0]) };
    if (url.startsWith(house.front.url)) nodes.reverse();
    return ask(url, { ...request, headers });
  };
  const patient = await house.launch("patient", "ana", "ana-now", wanders);
  assert.equal(patient.shows, "waiting");
});

test("a waiting page whose node is killed goes on by the other", patience, async () => {
  const person = await chromium.person({ extraHTTPHeaders: at("a") });
  const patient = await (await Desk.portal(person, house.ehr.url, "ana")).open("patient", "ana-now");
  await patient.at("waiting");
  await a.kill();

  const clinician = await house.launch("provider", "finn", "ana-now", new PlainBrowser(at("b")));
  await clinician.press("admit", patient.page.url().split("/").at(-1));
  await patient.at("room");
  await goHome(b, patient);
  await a.start();
});

test("both meet in one room, and find one another again when its node is killed", patience, async (t) => {
  const { patient, clinician } = await meet();
  const { holder, other } = await whoHoldsTheRoom();

  await holder.kill();
  const killed = performance.now();
  await Promise.all([sees(patient), sees(clinician)]);
  const seconds = (performance.now() - killed) / 1000;
  t.diagnostic(`together again after ${seconds.toFixed(1)} s`);
  assert.ok(seconds < 20, `together again only after ${seconds} s`);
  await holds(other, 2);

  // The EHR has heard nothing of it: they were back within the grace time.
  const statuses = (await house.reports()).map((report) => report.connection_status);
  assert.deepEqual(statuses, ["1", "1"]);
  await goHome(other, patient, clinician);
  await holder.start();
});

test("a node that is told to stop hands its room over", patience, async (t) => {
  const { patient, clinician } = await meet();
  const { holder, other } = await whoHoldsTheRoom();

  const stopped = performance.now();
  const [code] = await Promise.all([holder.stop(), sees(patient), sees(clinician)]);
  assert.equal(code, 0);
  t.diagnostic(`together again after ${((performance.now() - stopped) / 1000).toFixed(1)} s`);
  await holds(other, 2);
  await goHome(other, patient, clinician);
  await holder.start();
});

/** Ana Ruiz by node a and Dr. Finn by node b, in real browsers, who see each other. */
async function meet() {
  const by = (node) => chromium.person({ extraHTTPHeaders: at(node) });
  const portal = await Desk.portal(await by("a"), house.ehr.url, "ana");
  const schedule = await Desk.schedule(await by("b"), house.ehr.url, "finn", "in-tab");
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");
  const clinician = await schedule.open("provider", "ana-now");
  await clinician.at("visit");
  await clinician.button(/^Admit /).click();
  await clinician.button(/^Join/).click();
  await patient.at("room");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
  return { patient, clinician };
}

/** They leave, and the node has noticed: the next test counts people. */
async function goHome(node, ...views) {
  for (const view of views) {
    await view.button("Leave").click();
    await view.at("left");
    await view.page.context().close();
  }
  await holds(node, 0);
}

async function whoHoldsTheRoom() {
  return until("one node holds both people", async () => {
    const [inA, inB] = await Promise.all([a.people(), b.people()]);
    if (inA + inB !== 2 || (inA && inB)) throw new Error(`${inA} on a, ${inB} on b`);
    return inA ? { holder: a, other: b } : { holder: b, other: a };
  });
}

/** Pictures arrive, over a connection that was made after this moment. */
async function sees(view) {
  const known = await view.frame.evaluate(() => window.peerConnectionsOfTest.length);
  return until("pictures arrive over a new connection", () => view.frame.evaluate(async (known) => {
    let decoded = 0;
    for (const connection of window.peerConnectionsOfTest.slice(known)) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp" && report.kind === "video") decoded += report.framesDecoded ?? 0;
      }
    }
    return decoded >= 10;
  }, known), { seconds: 45 });
}
