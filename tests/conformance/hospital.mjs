// One visit in FHIR R4, around the present moment, as an EHR would tell it.

const CSN_SYSTEM = "urn:oid:1.2.840.114350.1.13.999.2.7.3.698084.8";

/** Ids of the resources below. */
export const ids = {
  patient: "pat-ruiz",
  practitioner: "prac-finn",
  appointment: "appt-1",
  encounter: "enc-1",
  csn: "200000417",
};

const inMinutes = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();
const csn = { use: "usual", system: CSN_SYSTEM, value: ids.csn };
const patient = { reference: `Patient/${ids.patient}`, display: "Ana Ruiz" };
const practitioner = { reference: `Practitioner/${ids.practitioner}`, display: "Mara Finn, MD" };

/** All resources. The visit starts in five minutes. */
export function hospital() {
  const start = inMinutes(5);
  const end = inMinutes(25);
  return [
    {
      resourceType: "Patient",
      id: ids.patient,
      active: true,
      name: [{ use: "official", family: "Ruiz", given: ["Ana"] }],
      gender: "female",
      birthDate: "1987-03-14",
    },
    {
      resourceType: "Practitioner",
      id: ids.practitioner,
      active: true,
      name: [{ use: "usual", family: "Finn", given: ["Mara"], suffix: ["MD"] }],
    },
    {
      resourceType: "Appointment",
      id: ids.appointment,
      identifier: [csn],
      status: "booked",
      start,
      end,
      minutesDuration: 20,
      participant: [
        { actor: patient, required: "required", status: "accepted" },
        { actor: practitioner, required: "required", status: "accepted" },
      ],
    },
    {
      resourceType: "Encounter",
      id: ids.encounter,
      identifier: [csn],
      status: "planned",
      class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "VR", display: "virtual" },
      subject: patient,
      participant: [{ individual: practitioner }],
      appointment: [{ reference: `Appointment/${ids.appointment}` }],
      period: { start, end },
    },
  ];
}

/** Answers a search over these resources as a bundle; knows `patient`, `practitioner` and `actor`, ignores the rest. */
export function search(resources, type, query) {
  const wanted = ["patient", "practitioner", "actor"]
    .map((name) => query.get(name))
    .filter(Boolean)
    .map((reference) => reference.split("/").at(-1));
  const concerns = (resource) => wanted.every((id) => JSON.stringify(resource).includes(`/${id}"`));
  const found = resources.filter((resource) => resource.resourceType === type && concerns(resource));
  return {
    resourceType: "Bundle",
    type: "searchset",
    total: found.length,
    entry: found.map((resource) => ({ resource, search: { mode: "match" } })),
  };
}
