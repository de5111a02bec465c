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

    await admitAndJoin(clinician, patient);
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
  const { patient, clinician } = await meet();

  await patient.button("Leave").click();
  await patient.at("left");
  await patient.screenshot("left");

  await patient.button("Rejoin").click();
  await patient.at("room");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
});

test("whoever is removed is cut off", patience, async () => {
  const { patient, clinician } = await meet();

  await clinician.frame.getByLabel("Remove Ana Ruiz").first().click();
  await clinician.button("Remove Ana Ruiz").last().click();

  await patient.at("removed");
  await clinician.seesNothingMore();
  await patient.screenshot("removed");
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
  const { patient, clinician, portal } = await meet();

  await clinician.disclosure("End visit").click();
  await clinician.button("End for everybody").click();
  await patient.at("ended");
  await clinician.at("ended");
  await patient.screenshot("ended");

  const late = await portal.open("patient", "ana-now");
  await late.at("ended");
});

/** Ana Ruiz from her portal and Dr. Finn from the schedule, each in a tab, who see each other. */
async function meet() {
  const { ehr } = here.demo;
  const portal = await Desk.portal(await here.person(), ehr, "ana", "in-tab");
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");
  const clinician = await schedule.open("provider", "ana-now");
  await admitAndJoin(clinician, patient);
  return { patient, clinician, portal, schedule };
}

/** The clinician lets the patient in, whose page then moves on by itself. */
async function admitAndJoin(clinician, patient) {
  await clinician.at("visit");
  await clinician.button("Admit Ana Ruiz").click();
  await clinician.button(/^Join/).click();
  await patient.at("room");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
}
