// PostgreSQL goes away under a running node and comes back: the node says so meanwhile, and recovers by itself.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { PlainBrowser } from "../support/plain-browser.mjs";
import { PostgresServer } from "../support/postgres.mjs";
import { newVisits } from "../support/simulated-ehr.mjs";
import { until } from "../support/until.mjs";
import { Guests } from "./guests.mjs";
import { House, at, holds } from "./house.mjs";

const patience = { timeout: 90_000 };
let postgres, house, a, b;

before(async () => {
  postgres = await PostgresServer.start();
  house = await House.open("postgres-restart", {
    database: postgres.url,
    media: 'public_addresses = ["127.0.0.1"]',
  });
  a = await house.start("a");
  b = await house.start("b");
});
beforeEach(() => newVisits(house.ehr.url));
after(async () => {
  await house?.close();
  await postgres?.remove();
});

test("while it is away nobody is ready and pages say so; then all goes on by itself", patience, async () => {
  const patient = await house.launch("patient", "ana", "ana-now", new PlainBrowser(at("a")));
  const clinician = await house.launch("provider", "finn", "ana-now", new PlainBrowser(at("b")));
  const stream = await patient.listen();
  await stream.hear("changed");
  const { lastEventId } = stream;

  await postgres.stopImmediately();
  assert.deepEqual(await Promise.all([a.readiness(), b.readiness()]), [503, 503]);
  const page = await patient.browser.open(patient.url);
  assert.equal(page.status, 503);
  assert.equal(page.data("page"), "error");

  await postgres.resume();
  const resumed = performance.now();
  await until("both nodes are ready", async () => (await a.isReady()) && (await b.isReady()));
  assert.ok(performance.now() - resumed < 5000);

  // The browser's stream may have been cut meanwhile; then it comes back by itself.
  const again = stream.ended ? await patient.listen({ lastEventId }) : stream;
  await again.hear("ping");
  const before = again.all("changed").length;
  await clinician.reload();
  const pressed = performance.now();
  await clinician.press("admit", patient.seat);
  const heard = await again.hear("changed", ({ page }) => page === "room");
  // A node tries every two seconds to hear of the others again.
  assert.ok(heard.at - pressed < 4000, `heard on the other node after ${heard.at - pressed} ms`);
  assert.equal(again.all("changed").length, before + 1);
  again.close();
});

test("whoever is in the room stays there together", patience, async () => {
  const guests = new Guests();
  const comesIn = async (tab) => {
    await guests.join(tab);
    await until("the room has seen it", async () => (await tab.reload()).state === "connected");
  };
  const by = (node, user) => house.launch("provider", user, "ana-now", new PlainBrowser(at(node)));
  const [onA, onB] = [await by("a", "finn"), await by("b", "okafor")];
  await comesIn(onA);
  await comesIn(onB);
  await holds(a, 2);

  await postgres.stopImmediately();
  // For longer than a node's word is good, so that each could take the other for dead.
  await pause(9000);
  await postgres.resume();

  const third = await until("the other node lets somebody in", () => by("b", "brandt"));
  await comesIn(third);
  await holds(a, 3);
  for (const tab of [onA, onB]) assert.equal((await tab.reload()).state, "connected");
  await guests.stop();
});

test("nothing that was committed is lost, whatever else it cuts off", patience, async () => {
  const patients = ["ana", "walter", "mia"];
  const visits = { ana: "ana-now", walter: "walter-soon", mia: "mia-now" };
  const tabs = await Promise.all(patients.map((who) => house.launch("patient", who, visits[who])));
  // In the middle of further arrivals.
  const late = patients.map((who) => house.launch("patient", who, visits[who]).catch((error) => error));
  await postgres.stopImmediately();
  await Promise.all(late);
  await postgres.resume();
  await until("both nodes are ready", async () => (await a.isReady()) && (await b.isReady()));

  for (const tab of tabs) {
    await tab.reload();
    assert.ok(["waiting", "replaced"].includes(tab.shows), tab.shows);
  }
  for (const who of patients) {
    assert.equal((await house.launch("patient", who, visits[who])).shows, "waiting");
  }
});
