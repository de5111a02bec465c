// The whole path of one visit: from the EHR's links to two people who see each other, and back into the EHR.

import { test } from "node:test";

import { Desk } from "../support/simulated-ehr.mjs";
import { stage } from "./stage.mjs";

const here = stage("visit");
const patience = { timeout: 120_000 };

for (const where of ["in-tab", "in-page"]) {
  test(`patient and clinician meet, each ${where}`, patience, async () => {
    const { ehr } = here.demo;
    const portal = await Desk.portal(await here.person(), ehr, "ana", where);
    const schedule = await Desk.schedule(await here.person(), ehr, "finn", where);

    const patient = await portal.open("patient", "ana-now");
    await patient.at("waiting");
    await patient.says("Finn");
    await patient.screenshot(`waiting-${where}`);

    const clinician = await schedule.open("provider", "ana-now");
    await clinician.at("visit");
    await clinician.says("Ana Ruiz");
    await clinician.screenshot(`visit-${where}`);

    await clinician.button("Admit").click();
    await clinician.button("Join").click();
    await patient.at("room");
    await clinician.at("room");
    await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
    await patient.screenshot(`room-patient-${where}`);
    await clinician.screenshot(`room-clinician-${where}`);

    await schedule.light("ana-now", "ana", "connected");
    await schedule.light("ana-now", "finn", "connected");
    await schedule.view.screenshot(`schedule-${where}`);

    await patient.page.close();
    await schedule.light("ana-now", "ana", "not-connected");
    await clinician.seesNothingMore();
    await schedule.light("ana-now", "finn", "connected");
  });
}

test("a patient who leaves may come back to the same visit", patience, async () => {
  const { ehr } = here.demo;
  const portal = await Desk.portal(await here.person(), ehr, "ana");
  const { patient, clinician } = await meet(portal);

  await patient.button("Leave").click();
  await patient.at("left");
  await patient.screenshot("left");

  const again = await portal.open("patient", "ana-now");
  await again.at("room");
  await Promise.all([again.seesAndHears(), clinician.seesAndHears()]);
});

test("a second tab of the same person replaces the first", patience, async () => {
  const portal = await Desk.portal(await here.person(), here.demo.ehr, "ana");
  const first = await portal.open("patient", "ana-now");
  await first.at("waiting");

  const second = await portal.open("patient", "ana-now");
  await second.at("waiting");
  await first.at("replaced");
  await first.screenshot("replaced");
});

test("the visit's end is everybody's end", patience, async () => {
  const portal = await Desk.portal(await here.person(), here.demo.ehr, "ana");
  const { patient, clinician } = await meet(portal);

  await clinician.button("End visit").click();
  // Ending asks once.
  await clinician.button("End visit").click();
  await patient.at("ended");
  await clinician.at("ended");
  await patient.screenshot("ended");

  const late = await portal.open("patient", "ana-now");
  await late.at("ended");
});

/** The patient of this portal and Dr. Finn, admitted and joined. */
async function meet(portal) {
  const schedule = await Desk.schedule(await here.person(), here.demo.ehr, "finn", "in-tab");
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");
  const clinician = await schedule.open("provider", "ana-now");
  await clinician.button("Admit").click();
  await clinician.button("Join").click();
  await Promise.all([patient.at("room"), clinician.at("room")]);
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
  return { patient, clinician, schedule };
}
