// Where the EHR connection lets patients in by itself: as soon as a clinician is connected, and not before.

import { test } from "node:test";

import { Desk, shown } from "../support/simulated-ehr.mjs";
import { join } from "./meeting.mjs";
import { stage } from "./stage.mjs";

const here = stage("automatic", { ANTEROOM_EHR__0__VISITS__ADMITTANCE: "automatic" });

test("a patient enters when the clinician has joined", { timeout: 60_000 }, async () => {
  const { ehr } = here.demo;
  const portal = await Desk.portal(await here.person(), ehr, "ana");
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");

  const clinician = await schedule.open("provider", "ana-now");
  await clinician.at("visit");
  await clinician.button(`Admit ${shown.ana}`).waitFor();
  await patient.at("waiting");

  await join(clinician);
  await patient.at("room");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
});
