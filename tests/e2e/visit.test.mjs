// The whole path of one visit: from the EHR's links to two people who see each other, and back into the EHR.

import { test } from "node:test";

import { Desk, shown } from "../support/simulated-ehr.mjs";
import { admit, join, meet } from "./meeting.mjs";
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
    await patient.says(`${shown.finn} has not joined yet.`);
    await patient.look(`waiting-${where}`);

    const clinician = await schedule.open("provider", "ana-now");
    await clinician.at("visit");
    await clinician.button(`Admit ${shown.ana}`).waitFor();
    await clinician.look(`visit-${where}`);
    await join(clinician);
    await patient.says(`${shown.finn} is here and will let you in soon.`);

    await admit(clinician, patient, "ana");
    await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
    await patient.look(`room-patient-${where}`);
    await clinician.look(`room-clinician-${where}`);

    await schedule.light("ana-now", "ana", "connected");
    await schedule.light("ana-now", "finn", "connected");
    await schedule.view.look(`schedule-${where}`);
    await portal.view.look(`portal-${where}`);

    await patient.page.close();
    await schedule.light("ana-now", "ana", "not-connected");
    await clinician.seesNothingMore();
    await schedule.light("ana-now", "finn", "connected");
  });
}

test("a patient who leaves comes back to the waiting room", patience, async () => {
  const { patient, clinician } = await meet(here);

  await patient.button("Leave").click();
  await patient.at("left");
  await patient.look("left");
  await clinician.says("No longer here");

  await patient.button("Rejoin").click();
  await patient.at("waiting");
  await admit(clinician, patient, "ana");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
});

test("a patient who reloads the room stays in the visit, and the light stays on", patience, async () => {
  const { patient, clinician, schedule } = await meet(here);

  await patient.page.reload();
  await patient.at("room");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
  await schedule.light("ana-now", "ana", "connected");
});

test("whoever is sent back waits, and is let in again", patience, async () => {
  const { patient, clinician } = await meet(here);

  await clinician.button(`Send back ${shown.ana}`).click();
  await patient.at("waiting");
  await patient.says(`${shown.finn} asks you to wait here for a moment.`);
  await clinician.seesNothingMore();

  await admit(clinician, patient, "ana");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
});

test("whoever is removed is cut off", patience, async () => {
  const { patient, clinician } = await meet(here);

  await clinician.disclosure("Remove").click();
  await clinician.look("visit-remove");
  await clinician.button(`Remove ${shown.ana}`).click();

  await patient.at("removed");
  await clinician.seesNothingMore();
  await patient.look("removed");
});

test("the visit's end is everybody's end, until the clinician opens it again", patience, async () => {
  const { patient, clinician, portal, schedule } = await meet(here);

  await clinician.disclosure("End visit").click();
  await clinician.button("End for everybody").click();
  await clinician.at("ended");
  await patient.at("ended");
  await patient.look("ended");
  await clinician.look("ended-clinician");
  await schedule.light("ana-now", "finn", "not-connected");

  const late = await portal.open("patient", "ana-now");
  await late.at("ended");

  await clinician.button("Reopen the visit").click();
  await clinician.at("visit");
  const again = await portal.open("patient", "ana-now");
  await again.at("waiting");
  await clinician.button(`Admit ${shown.ana}`).waitFor();
});
