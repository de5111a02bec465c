// `kill -9` at each step of a launch: the person can start again, and nothing is half done.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { PlainBrowser } from "../support/plain-browser.mjs";
import { launchUrl, newVisits } from "../support/simulated-ehr.mjs";
import { sqliteRows } from "./database.mjs";
import { House } from "./house.mjs";
import { seeded } from "./seeded.mjs";
import { Tab } from "./tab.mjs";

const patience = { timeout: 60_000 };
const callback = /^\/ehr\/[^/]+\/callback/;
let house, node;

before(async () => {
  house = await House.open("killed-launch");
  node = await house.start("a");
});
beforeEach(() => newVisits(house.ehr.url));
after(() => house?.close());

test("killed after the browser was sent to the EHR: it comes back to its seat", patience, async () => {
  const browser = new PlainBrowser();
  const sent = await browser.ask(await launchUrl(house.ehr.url, "patient", "ana", "ana-now"));
  assert.equal(sent.status, 303);

  await restart();
  const page = await browser.open(sent.headers.get("location"));
  assert.equal(page.data("page"), "waiting");
  await nothingIsHalfDone();
});

test("killed while the EHR's token endpoint hangs: the person starts again", patience, async () => {
  const hold = house.ehrFront.holdRequest(/\/token$/);
  const browser = new PlainBrowser();
  const launching = assert.rejects(house.launch("patient", "ana", "ana-now", browser));
  await hold.reached;
  await node.kill();
  await launching;
  hold.release();

  await node.start();
  await startsAgain(browser);
});

test("killed before the EHR answered what appointment it is: the person starts again", patience, async () => {
  const hold = house.ehrFront.holdAnswer(/\/FHIR\/R4\/(Appointment|Encounter)/);
  const browser = new PlainBrowser();
  const launching = assert.rejects(house.launch("patient", "ana", "ana-now", browser));
  await hold.reached;
  await node.kill();
  await launching;
  hold.release();

  await node.start();
  await startsAgain(browser);
});

test("killed after the arrival was stored, before the browser knew: the person starts again", patience, async () => {
  const hold = house.front.holdAnswer(callback);
  const browser = new PlainBrowser();
  const launching = assert.rejects(house.launch("patient", "ana", "ana-now", browser), /fetch failed|terminated/);
  await hold.reached;
  const [{ seats }] = await rows("SELECT COUNT(*) AS seats FROM seats JOIN visits USING (visit) WHERE ended_at IS NULL");
  await restart();
  house.front.dropConnections();
  await launching;
  hold.release();

  // The same seat as the one that was lost on the way.
  await startsAgain(browser);
  const [after] = await rows("SELECT COUNT(*) AS seats FROM seats JOIN visits USING (visit) WHERE ended_at IS NULL");
  assert.equal(after.seats, seats);
});

test("the callback of a launch that was killed under way opens nothing a second time", patience, async () => {
  const browser = new PlainBrowser();
  const sent = await browser.ask(await launchUrl(house.ehr.url, "patient", "ana", "ana-now"));
  const back = await browser.ask(sent.headers.get("location"));
  const hold = house.ehrFront.holdRequest(/\/token$/);
  const calling = assert.rejects(browser.ask(back.headers.get("location")));
  await hold.reached;
  await restart();
  await calling;
  hold.release();

  const page = await browser.open(back.headers.get("location"));
  assert.equal(page.data("page"), "error");
  await startsAgain(browser);
});

test("killed between the arrival and the first event: the page and its stream go on", patience, async () => {
  const patient = await house.launch("patient", "ana", "ana-now");
  await restart();

  const stream = await patient.listen();
  await stream.hear("ping");
  assert.equal((await patient.reload()).shows, "waiting");
  const clinician = await house.launch("provider", "finn", "ana-now");
  await clinician.press("admit", patient.seat);
  await stream.hear("changed", ({ page }) => page === "room");
  stream.close();
  await nothingIsHalfDone();
});

test("killed at any other moment of a launch", patience, async (t) => {
  const { seed, between } = seeded();
  t.diagnostic(`seed ${seed}`);
  for (let round = 0; round < 6; round += 1) {
    const browser = new PlainBrowser();
    const launching = house.launch("patient", "ana", "ana-now", browser).catch((error) => error);
    const soon = between(0, 120);
    await pause(soon);
    await restart();
    const outcome = await launching;
    t.diagnostic(`killed after ${soon} ms: ${outcome instanceof Tab ? "arrived" : outcome.message}`);
    await startsAgain(browser);
    await newVisits(house.ehr.url);
  }
});

async function restart() {
  await node.kill();
  await node.start();
}

/** A click on the link in the EHR leads to the waiting room. */
async function startsAgain(browser) {
  const again = await house.launch("patient", "ana", "ana-now", browser);
  assert.equal(again.shows, "waiting");
  await nothingIsHalfDone();
}

/** What belongs together was stored together. */
async function nothingIsHalfDone() {
  const empty = {
    "visits without a seat": "SELECT visit FROM visits WHERE visit NOT IN (SELECT visit FROM seats)",
    "visits without an event": "SELECT visit FROM visits WHERE visit NOT IN (SELECT visit FROM events)",
    "visits without a card": "SELECT visit FROM visits WHERE card IS NULL AND ended_at IS NULL",
    "seats without a session": "SELECT seat FROM seats WHERE seat NOT IN (SELECT seat FROM tab_sessions)",
    "seats of nobody's visit": "SELECT seat FROM seats WHERE visit NOT IN (SELECT visit FROM visits)",
  };
  for (const [what, query] of Object.entries(empty)) assert.deepEqual(await rows(query), [], what);
}

async function rows(query) {
  return sqliteRows(join(house.dataDir, "anteroom.sqlite3"), query);
}
