// One seat, one tab; two charts, two seats.

import { test } from "node:test";

import { Desk, shown } from "../support/simulated-ehr.mjs";
import { admit, join, meet } from "./meeting.mjs";
import { stage } from "./stage.mjs";

const here = stage("tabs");
const patience = { timeout: 90_000 };

test("a second tab of the same browser replaces the first, which can take the seat back", patience, async () => {
  const portal = await Desk.portal(await here.person(), here.demo.ehr, "ana");
  const first = await portal.open("patient", "ana-now");
  await first.at("waiting");

  const second = await portal.open("patient", "ana-now");
  await second.at("waiting");
  await first.at("replaced");
  await first.says("This visit is open in another window");
  await first.look("replaced");

  await first.button("Use this window instead").click();
  await first.at("waiting");
  await second.at("replaced");
});

test("another device replaces the first in the middle of a call", patience, async () => {
  const { patient, clinician } = await meet(here);

  const phone = await Desk.portal(await here.person(), here.demo.ehr, "ana");
  const second = await phone.open("patient", "ana-now");
  await patient.at("replaced");
  await second.at("room");
  await Promise.all([second.seesAndHears(), clinician.seesAndHears()]);

  await patient.button("Use this window instead").click();
  await patient.at("room");
  await second.at("replaced");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
});

test("a clinician keeps two charts open in one browser", patience, async () => {
  const { ehr } = here.demo;
  const ana = await (await Desk.portal(await here.person(), ehr, "ana")).open("patient", "ana-now");
  const walter = await (await Desk.portal(await here.person(), ehr, "walter")).open("patient", "walter-soon");
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");

  const charts = { ana: await schedule.open("provider", "ana-now"), walter: await schedule.open("provider", "walter-soon") };
  await charts.ana.at("visit");
  await charts.walter.at("visit");
  await admit(charts.ana, ana, "ana");
  await walter.at("waiting");
  await charts.walter.button(`Admit ${shown.walter}`).waitFor();
  await join(charts.ana);
  await Promise.all([ana.seesAndHears(), charts.ana.seesAndHears()]);
});
