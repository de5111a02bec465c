// Told to stop, the program says goodbye, finishes what is under way, and goes on after the restart where it was.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { newVisits } from "../support/simulated-ehr.mjs";
import { until } from "../support/until.mjs";
import { sqliteRows } from "./database.mjs";
import { Guests } from "./guests.mjs";
import { House } from "./house.mjs";

const patience = { timeout: 60_000 };
let house, node;

before(async () => {
  house = await House.open("stop", { media: 'public_addresses = ["127.0.0.1"]' });
});
beforeEach(async () => {
  await house.nodes.get("a")?.kill();
  node = await house.start("a");
  await newVisits(house.ehr.url);
});
after(() => house?.close());

test("streams say goodbye, a launch under way arrives, nothing new comes in", patience, async () => {
  const patient = await house.launch("patient", "ana", "ana-now");
  const stream = await patient.listen();
  await stream.hear("ping");
  const hold = house.ehrFront.holdRequest(/\/token$/);
  const launching = house.launch("provider", "finn", "ana-now");
  await hold.reached;

  const asked = performance.now();
  const stopping = node.stop();
  const bye = await stream.hear("bye");
  assert.ok(bye.at - asked < 1000, `said goodbye after ${bye.at - asked} ms`);
  assert.notEqual(await node.readiness(), 200);
  hold.release();
  const redirect = await launching.catch((error) => error);
  const code = await stopping;

  assert.equal(code, 0);
  assert.ok(performance.now() - asked < 8000, `stopped after ${performance.now() - asked} ms`);
  // The callback was answered by the stopping program; the page that it leads to is the next one's.
  assert.ok(redirect instanceof Error);
  await node.start();
  await patient.reload();
  assert.equal(patient.shows, "waiting");
});

test("a request that does not end does not keep it from stopping", patience, async () => {
  const hold = house.ehrFront.holdRequest(/\/token$/);
  const launching = assert.rejects(house.launch("patient", "ana", "ana-now"));
  await hold.reached;
  const asked = performance.now();
  assert.equal(await node.stop(), 0);
  assert.ok(performance.now() - asked < 8000, `stopped after ${performance.now() - asked} ms`);
  hold.release();
  await launching;
});

test("whoever is in the room is back after the restart, and the EHR hears nothing of it", patience, async () => {
  const guests = new Guests();
  const clinician = await house.launch("provider", "finn", "ana-now");
  const comesIn = async () => {
    await guests.join(clinician);
    await until("the room has seen it", async () => (await clinician.reload()).state === "connected");
  };
  await comesIn();
  await until("the EHR was told", async () => (await house.reports("FINNM")).length === 1);

  assert.equal(await node.stop(), 0);
  await node.start();
  // The new process finds nobody in the room.
  await until("the connection is gone", async () => (await clinician.reload()).state === "admitted");
  await comesIn();
  const notices = await sqliteRows(
    join(house.dataDir, "anteroom.sqlite3"),
    `SELECT status, state FROM notices WHERE seat = '${clinician.seat}' ORDER BY notice`,
  );
  assert.deepEqual(notices, [
    { status: "connected", state: "delivered" },
    { status: "disconnected", state: "withdrawn" },
  ]);
  assert.equal((await house.reports("FINNM")).length, 1);
  await guests.stop();
});

test("the same seats go on after a restart, and a stream resumes where it stopped", patience, async () => {
  const patient = await house.launch("patient", "ana", "ana-now");
  const clinician = await house.launch("provider", "finn", "ana-now");
  const first = await patient.listen();
  // The clinician came after the patient's page was made.
  await first.hear("changed", ({ page }) => page === "waiting");
  await node.stop();
  const { lastEventId } = first;

  await node.start();
  const second = await patient.listen({ lastEventId });
  await second.hear("ping");
  assert.deepEqual(second.all("changed"), [], "nothing has happened meanwhile");
  await clinician.press("admit", patient.seat);
  await second.hear("changed", ({ page }) => page === "room");
  await pause(500);
  assert.equal(second.all("changed").length, 1, "one admission, told once");
  second.close();
  assert.equal((await patient.reload()).shows, "room");
});

for (const [how, end] of [["killed", () => node.kill()], ["stopped", () => node.stop()]]) {
  test(`an admission while the patient's stream was down is told once (${how})`, patience, async () => {
    const patient = await house.launch("patient", "ana", "ana-now");
    const clinician = await house.launch("provider", "finn", "ana-now");
    const first = await patient.listen();
    await first.hear("changed");
    await end();
    await node.start();
    await clinician.press("admit", patient.seat);

    const second = await patient.listen({ lastEventId: first.lastEventId });
    await second.hear("changed", ({ page }) => page === "room");
    await pause(500);
    assert.equal(second.all("changed").length, 1);
    const third = await patient.listen({ lastEventId: second.lastEventId });
    await third.hear("ping");
    assert.deepEqual(third.all("changed"), []);
    second.close();
    third.close();
  });
}
