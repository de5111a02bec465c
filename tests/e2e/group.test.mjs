// A group visit, and visits that patients enter by themselves.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Desk, shown } from "../support/simulated-ehr.mjs";
import { join } from "./meeting.mjs";
import { stage } from "./stage.mjs";

const here = stage("group");
const patience = { timeout: 120_000 };

test("a group waits without seeing one another and is let in at once", patience, async () => {
  const { ehr } = here.demo;
  const members = {};
  for (const who of ["sade", "jon"]) {
    const portal = await Desk.portal(await here.person(), ehr, who);
    members[who] = await portal.open("patient", `group-${who}`);
    await members[who].at("waiting");
  }
  const schedule = await Desk.schedule(await here.person(), ehr, "okafor", "in-tab");
  const clinician = await schedule.open("provider", "group-sade");
  await clinician.at("visit");
  await clinician.says("Waiting (2)");
  await clinician.look("visit-group");
  for (const [who, other] of [["sade", "jon"], ["jon", "sade"]]) {
    const html = await members[who].frame.content();
    assert.ok(!html.includes(shown[other]), `${who} is told of ${other}`);
  }

  await clinician.button("Admit all 2").click();
  await join(clinician);
  for (const member of Object.values(members)) await member.at("room");
  await Promise.all([clinician, ...Object.values(members)].map((view) => view.seesAndHears()));
  await members.sade.says(`${shown.jon}; and ${shown.okafor} are here.`);
  await clinician.look("room-group");
  await members.sade.look("room-group-patient");
});
