// Operators: what the EHR was told, what it answered, and trying again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { allVisits, statusAnswers } from "../support/simulated-ehr.mjs";
import { until } from "../support/until.mjs";
import { meet } from "./meeting.mjs";
import { stage } from "./stage.mjs";

const here = stage("operators");
const patience = { timeout: 90_000 };

test("whoever has no account stays outside", patience, async () => {
  const person = await here.person();
  const view = await person.open(`${here.demo.admin}/notifications`);
  await view.at("admin-login");
  await view.look("admin-login");

  await signIn(view, "wrong-password");
  await view.at("admin-login");
  await view.says("There is a problem");
  await view.look("admin-login-wrong");
  person.forgiveStatus();
});

test("a report that the EHR refused is shown with its answer, found by CSN, and tried again", patience, async () => {
  const { ehr } = here.demo;
  await statusAnswers(ehr, "400");
  const { schedule } = await meet(here);
  const { csn } = (await allVisits(ehr)).find(({ key }) => key === "ana-now");

  const view = await (await here.person()).open(here.demo.admin);
  await view.at("admin-login");
  await signIn(view, here.demo.admin_password);
  await view.at("admin-notifications");
  await view.frame.getByLabel("CSN or meeting id").fill(csn);
  await view.button("Search").click();
  const failed = view.frame.getByRole("row").filter({ hasText: "Failed" });
  await until("both reports have failed", async () => {
    await view.page.reload();
    return (await failed.count()) === 2;
  });
  assert.match(await failed.first().innerText(), /400/);
  await view.look("admin-notifications-failed");

  await statusAnswers(ehr, "ok");
  for (let left = 2; left > 0; left -= 1) {
    await failed.first().getByRole("button").click();
    await view.at("admin-notifications");
    await view.frame.getByLabel("CSN or meeting id").fill(csn);
    await view.button("Search").click();
    await until("one fewer has failed", async () => {
      await view.page.reload();
      return (await failed.count()) < left;
    });
  }
  await until("both are delivered", async () => {
    await view.page.reload();
    return (await view.frame.getByRole("row").filter({ hasText: "Delivered" }).count()) === 2;
  });
  await view.look("admin-notifications-delivered");
  await schedule.light("ana-now", "ana", "connected");
  await schedule.light("ana-now", "finn", "connected");

  await view.frame.getByLabel("CSN or meeting id").fill("000");
  await view.button("Search").click();
  await view.says("No record has this CSN or meeting id.");
  await view.button("Sign out").click();
  await view.at("admin-login");
});

test("a report that fails for a while is delivered by itself", patience, async () => {
  await statusAnswers(here.demo.ehr, "500", 2);
  const { schedule } = await meet(here);
  await schedule.light("ana-now", "ana", "connected");
  await schedule.light("ana-now", "finn", "connected");
});

async function signIn(view, password) {
  await view.frame.getByLabel("User name").fill(here.demo.admin_user);
  await view.frame.getByLabel("Password").fill(password);
  await view.button("Sign in").click();
}
