// `kill -9` while the EHR is told who is connected: nothing is lost, and nothing comes out of order.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { statusAnswers } from "../support/simulated-ehr.mjs";
import { until } from "../support/until.mjs";
import { sqliteRows } from "./database.mjs";
import { Guests } from "./guests.mjs";
import { House } from "./house.mjs";
import { seeded } from "./seeded.mjs";

/** What a killed node had in hand waits a minute for its lease to end. */
const lease = 60;

const aReport = /SetExternalConnectionStatus/;

/** Everybody who may come to an open visit: `kind user appointment`. */
const people = [
  ...["ana ana-now", "walter walter-soon", "walter walter-later", "mia mia-now", "keiko mia-now"].map(asPatient),
  ...["sade group-sade", "jon group-jon", "grace group-grace"].map(asPatient),
  ...["ana-now", "walter-soon", "walter-later", "mia-now", "group-sade"].flatMap((appointment) =>
    ["finn", "okafor", "brandt"].map((user) => ({ kind: "provider", user, appointment })),
  ),
];

let house, node, guests;

before(async () => {
  house = await House.open("killed-notices", {
    settings: 'visits = { admittance = "automatic", opens_minutes_before = 180 }',
    // Every connect and disconnect counts here, also those of a moment.
    statusSettings: "grace_seconds = 0",
    media: 'public_addresses = ["127.0.0.1"]',
  });
  node = await house.start("a");
  guests = new Guests();
});
after(async () => {
  await guests?.stop();
  await house?.close();
});

test("connects and disconnects reach the EHR at least once and in order", { timeout: 240_000 }, async (t) => {
  const { seed, between, one } = seeded();
  t.diagnostic(`seed ${seed}; ANTEROOM_TEST_SEED repeats the moments, as far as a machine can`);
  const tabs = await Promise.all(people.map(({ kind, user, appointment }) => house.launch(kind, user, appointment)));

  // 1. Killed while one report hangs, one was accepted without our knowing, and one has failed.
  const [hangs, unknown, fails] = ["FINNM", "OKAFORT", "BRANDTL"];
  const providers = tabs.filter((tab, at) => people[at].appointment === "ana-now" && people[at].kind === "provider");
  const hanging = house.ehrFront.holdRequest(about(hangs));
  const accepted = house.ehrFront.holdAnswer(about(unknown));
  await Promise.all(providers.slice(0, 2).map(comesIn));
  await Promise.all([hanging.reached, accepted.reached]);
  await statusAnswers(house.ehr.url, "500");
  await comesIn(providers[2]);
  await until("a report has failed", async () => (await house.reports(fails)).length > 0);
  await node.kill();
  house.ehrFront.dropConnections();
  await node.start();
  const killedAt = Date.now();
  await statusAnswers(house.ehr.url, "ok");

  // 2. Everybody comes and goes, the EHR has its moods, and the program is killed again and again.
  let [kills, isOver] = [1, false];
  const all = Promise.all(tabs.map(async (tab) => {
    for (let times = 0; times < 2 || kills < 5; times += 1) {
      await comesIn(tab);
      await pause(between(0, 2000));
      await hangsUp(tab);
    }
  })).finally(() => (isOver = true));
  while (!isOver) {
    await statusAnswers(house.ehr.url, one(["ok", "ok", "500", "hang"]));
    await pause(between(1000, 5000));
    if (isOver || kills >= 5) continue;
    // At any moment, or while a report is under way, on this side of the EHR or on the other.
    const hold = one([() => undefined, () => house.ehrFront.holdRequest(aReport), () => house.ehrFront.holdAnswer(aReport)])();
    if (hold) await Promise.race([hold.reached, pause(5000)]);
    await node.kill();
    house.ehrFront.dropConnections();
    hold?.release();
    await node.start();
    kills += 1;
  }
  await all;
  await statusAnswers(house.ehr.url, "ok");
  t.diagnostic(`${people.length} people, ${kills} kills, ${((Date.now() - killedAt) / 1000).toFixed(0)} s of coming and going`);

  // 3. What is on its way arrives.
  const pending = () => rows("SELECT notice FROM notices WHERE state = 'pending'");
  await until("nothing is on its way", async () => (await pending()).length === 0, { seconds: lease + 40, everyMs: 500 });
  await everythingWasTold(t);
});

/** Joins, again if need be, until the program has stored that the person is connected. */
async function comesIn(tab) {
  await until(`${tab.seat} is connected`, async () => {
    await tab.reload();
    if (tab.state === "connected") return true;
    if (tab.state === "waiting") return false;
    await guests.join(tab);
    await until("the room has seen it", async () => (await tab.reload()).state === "connected", { seconds: 4, everyMs: 200 });
    return true;
  }, { seconds: 60, everyMs: 250 });
}

/** Hangs up; the program has stored it, be it only after a kill. */
async function hangsUp(tab) {
  guests.hangUp(tab);
  const isGone = async () => (await tab.reload()).state !== "connected";
  await until(`${tab.seat} is gone`, isGone, { seconds: 60, everyMs: 250 });
}

/** What the EHR accepted about each person is what was to be said, in that order, some of it more than once. */
async function everythingWasTold(t) {
  const notices = await rows("SELECT session, external_id, status, state FROM notices ORDER BY notice");
  const accepted = (await house.reports()).filter(({ outcome }) => outcome === "accepted");
  const who = (session, id) => `${session} ${id}`;
  const everybody = new Set(notices.map((notice) => who(notice.session, notice.external_id)));
  assert.equal(everybody.size, people.length);

  let repeated = 0;
  for (const person of everybody) {
    const said = notices.filter((notice) => who(notice.session, notice.external_id) === person);
    const wanted = said.filter(({ state }) => state !== "withdrawn");
    assert.ok(wanted.every(({ state }) => state === "delivered"), `${person}: ${JSON.stringify(wanted)}`);
    const words = wanted.map(({ status }) => (status === "connected" ? "1" : "2"));
    // Each came and went at least twice: as many words, less the goings that a quick return overtook.
    const comings = said.filter(({ status, state }) => status === "connected" || state === "withdrawn");
    assert.ok(comings.length >= 2, `${person}: ${JSON.stringify(said)}`);
    assert.equal(words.at(-1), "2");

    const heard = accepted
      .filter((report) => who(report.conference_id, report.external_id) === person)
      .map((report) => report.connection_status);
    const withoutRepetition = heard.filter((word, at) => word !== heard[at - 1]);
    assert.deepEqual(withoutRepetition, words, `what the EHR heard of ${person}`);
    repeated += heard.length - words.length;
  }
  assert.ok(repeated >= 1, "the report that was accepted without our knowing came again");
  t.diagnostic(`${notices.length} reports, ${accepted.length} accepted by the EHR, ${repeated} of them repetitions`);
}

function asPatient(text) {
  const [user, appointment] = text.split(" ");
  return { kind: "patient", user, appointment };
}

function about(externalId) {
  return new RegExp(`SetExternalConnectionStatus.*ExternalID=${externalId}&`);
}

async function rows(query) {
  return sqliteRows(join(house.dataDir, "anteroom.sqlite3"), query);
}
