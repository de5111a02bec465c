// The main path without a mouse.

import { test } from "node:test";

import { Desk, shown } from "../support/simulated-ehr.mjs";
import { stage } from "./stage.mjs";

const here = stage("keyboard");

test("patient and clinician meet by keyboard alone", { timeout: 120_000 }, async () => {
  const { ehr } = here.demo;
  const portal = await Desk.portal(await here.person(), ehr, "ana", "in-tab");
  const patient = await opened(portal, () => press(portal.view, "Begin video visit: Mara Finn, MD"));
  await patient.at("waiting");
  await press(patient, "Test your camera and sound", "Space");
  await patient.button("Start the test").waitFor();

  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const clinician = await opened(schedule, () => press(schedule.view, /^Begin video visit: .*Ana Ruiz/));
  await clinician.at("visit");
  await clinician.canJoin();
  await press(clinician, "Join the video");
  await clinician.inCall();
  await press(clinician, `Admit ${shown.ana}`);
  await patient.at("room");
  await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);

  await clinician.page.keyboard.press("m");
  await clinician.button("Unmute").waitFor();
  await clinician.page.keyboard.press("v");
  await clinician.button("Camera on").waitFor();
  await press(clinician, `Remove ${shown.ana}`);
  await press(clinician, `Send back ${shown.ana}`);
  await patient.at("waiting");
  await press(patient, "Leave the waiting room");
  await patient.at("left");
  await press(patient, "Rejoin");
  await patient.at("waiting");
  await press(clinician, "End visit");
  await press(clinician, "End for everybody");
  await clinician.at("ended");
  await patient.at("ended");
});

async function opened(desk, open) {
  const [tab] = await Promise.all([desk.person.context.waitForEvent("page"), open()]);
  return new desk.view.constructor(tab);
}

/** Goes to the control with this name by Tab, as far as a person would, sees where the focus is, and presses a key. */
async function press(view, name, key = "Enter") {
  const passed = [];
  for (let steps = 0; steps < 60; steps += 1) {
    await view.page.keyboard.press("Tab");
    const { label, outlined } = await view.frame.evaluate(focused);
    passed.push(label);
    if (!(name instanceof RegExp ? name.test(label) : name === label)) continue;
    if (!outlined) throw new Error(`"${label}" has the focus, and nobody sees it`);
    return view.page.keyboard.press(key);
  }
  throw new Error(`Tab did not reach "${name}", only ${passed.join(", ")}`);
}

/** Runs in the page. */
function focused() {
  const element = document.activeElement;
  const label = element.getAttribute("aria-label") ?? element.innerText ?? "";
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return { label: label.trim(), outlined: outlineStyle !== "none" && parseFloat(outlineWidth) > 0 };
}
