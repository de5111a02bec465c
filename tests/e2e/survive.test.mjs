// What a visit outlives: a server that dies, a network that goes away, a browser without scripts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Desk, launchUrl, shown } from "../support/simulated-ehr.mjs";
import { admit, meet } from "./meeting.mjs";
import { stage } from "./stage.mjs";

const here = stage("survive");
const patience = { timeout: 120_000 };

test("a waiting room outlives the server", patience, async () => {
  const { ehr } = here.demo;
  const portal = await Desk.portal(await here.person(), ehr, "ana");
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const clinician = await schedule.open("provider", "ana-now");
  await clinician.at("visit");

  await here.demo.kill();
  await patient.says("Connection lost, trying again. Keep this page open.");
  await patient.look("waiting-connection-lost");
  await here.demo.comeBack();
  for (const view of [patient, clinician]) await view.connectionReturns();
  await patient.at("waiting");

  await admit(clinician, patient, "ana");
  forgive();
});

test("a call outlives the server: both come back by themselves", patience, async () => {
  const { patient, clinician } = await meet(here);

  await here.demo.kill();
  await here.demo.comeBack();
  await Promise.all([patient.seesAndHears(60), clinician.seesAndHears(60)]);
  await patient.at("room", "connected");
  await clinician.at("visit", "connected");
  // A connection that the old server had is told so, and made anew.
  here.people.forEach((person) => person.forgiveStatus());
  forgive();
});

test("whoever was let in while the network was gone moves on when it is back", patience, async () => {
  const { ehr } = here.demo;
  const ana = await here.person();
  const portal = await Desk.portal(ana, ehr, "ana");
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const clinician = await schedule.open("provider", "ana-now");

  await ana.context.setOffline(true);
  await clinician.button(`Admit ${shown.ana}`).click();
  await clinician.says("let in, not connected yet");
  assert.equal(await patient.frame.locator("body").getAttribute("data-page"), "waiting");
  await ana.context.setOffline(false);
  await patient.at("room");
  forgive();
});

test("without scripts the waiting page loads itself until the patient is let in", patience, async () => {
  const { ehr } = here.demo;
  const person = await here.person({ javaScriptEnabled: false });
  const patient = await person.open(await launchUrl(ehr, "patient", "ana", "ana-now"));
  await patient.at("waiting");
  await patient.says(`${shown.finn} has not joined yet.`);

  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const clinician = await schedule.open("provider", "ana-now");
  await clinician.button(`Admit ${shown.ana}`).click();
  await patient.at("room");
});

/** Pages complain that the server is gone, and are right. */
function forgive() {
  here.people.forEach((person) => person.forgiveNetwork());
}
