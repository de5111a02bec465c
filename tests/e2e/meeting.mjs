// People who meet: the steps that many tests begin with.

import { Desk, shown } from "../support/simulated-ehr.mjs";

/** Ana Ruiz from her portal and Dr. Finn from the schedule, who see and hear one another. */
export async function meet(here, where = "in-tab") {
  const { ehr } = here.demo;
  const portal = await Desk.portal(await here.person(), ehr, "ana", where);
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", where);
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");
  const clinician = await schedule.open("provider", "ana-now");
  await clinician.at("visit");
  await join(clinician);
  await admit(clinician, patient, "ana");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
  return { patient, clinician, portal, schedule };
}

/** The clinician lets somebody in, whose page then moves on and joins by itself. */
export async function admit(clinician, patient, who) {
  await clinician.button(`Admit ${shown[who]}`).click();
  await patient.at("room");
  await patient.inCall();
}

/** The clinician goes into the room. */
export async function join(clinician) {
  await clinician.button("Join the video").click();
  await clinician.inCall();
}
