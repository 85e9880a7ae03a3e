import { n, when } from "../../format";

export const SYSTEMS: Record<string, string> = { linarc: "Linarc", quickbooks: "QuickBooks Online" };
export const STATES: Record<string, string> = {
  connected: "Connected",
  paused: "Paused",
  disconnected: "Disconnected",
};
export const ENVIRONMENTS = [
  ["production", "Production"],
  ["sandbox", "Sandbox"],
] as const;

const used = (count: number, most: number) => (most > 0 ? `${n(count)} of ${n(most)}` : n(count));

export const words = {
  title: "Connections",
  lead: "The two systems that are kept the same, and how Muster reaches them.",
  connect: "Connect",
  connectHint: {
    quickbooks: "You allow it on Intuit's page and come back here",
    linarc: "With an API key from Linarc",
  },
  none: "Nothing is connected yet",
  noneFix:
    "Connect Linarc and QuickBooks Online. Then choose on the Rules page which of them is the source of truth.",
  noneFixOthers: "A Company Administrator connects Linarc and QuickBooks Online.",
  noRoute: "Both systems are connected. Next: choose which is the source of truth.",
  toRules: "Open Rules",
  broken: "Needs attention",
  tenant: "Company id",
  token: { key: "API key", tokens: "Access" },
  given: (iso: string) => `added ${when(iso)}`,
  renewed: (iso: string) => `renewed ${when(iso)}`,
  unknown: "–",
  by: "Reconnect by",
  last: "Last call",
  never: "Not called yet",
  month: "Calls this month",
  calls: (metered: number, most: number, unmetered: number) =>
    `${used(metered + unmetered, 0)}, of which ${used(metered, most)} metered`,
  ends: "They run out about",
  rate: "Calls a minute",
  perMinute: (count: number, most: number) => used(count, most),
  asked: (iso: string) => `The system asked Muster to wait until ${when(iso)}.`,
  hook: "Last webhook",
  noHook: "None yet",
  test: "Test",
  testWho: (name: string) => `Test the connection to ${name}`,
  works: (name: string) => `The connection to ${name} works.`,
  pause: "Pause",
  pauseWho: (name: string) => `Pause the connection to ${name}`,
  resume: "Resume",
  resumeWho: (name: string) => `Resume the connection to ${name}`,
  again: "Reconnect",
  againWho: (name: string) => `Reconnect ${name}`,
  gone: (count: number) => `${n(count)} are really gone…`,
  goneSure: (count: number, total: number, name: string) =>
    `Mark ${n(count)} of ${n(total)} people in ${name} as gone?`,
  goneAction: (count: number) => `Mark ${n(count)} as gone`,
  goneMeans: (count: number, name: string) =>
    `${name} is read completely once more. Those who are not there then are marked as gone; should they be more than ${n(count)}, nobody is.`,
  goneBegun: (name: string) => `${name} is read once more.`,
  disconnect: "Disconnect…",
  disconnectWho: (name: string) => `Disconnect ${name}`,
  paused: (name: string) => `${name} is not called until you resume it. What is to be read or written waits.`,
  resumed: (name: string) => `${name} is called again; what waited is done within half a minute.`,
  connected: (name: string) => `${name} is connected.`,
  ended: (name: string) => `${name} is disconnected.`,
  notRevoked: (name: string) =>
    `${name} is disconnected here, but did not answer: end Muster's access there as well.`,
  sure: (name: string) => `Disconnect ${name}?`,
  means: [
    "Muster stops reading and writing there, and deletes its access.",
    "Changes that were not sent yet are cancelled.",
    "Employees, links and history stay. Connect the same company again, and everything goes on where it stopped.",
  ],
  meansPause: "To stop for a while only, pause it instead.",
  environment: "Environment",
  quickbooks: "Connect QuickBooks Online",
  quickbooksLead:
    "You go to Intuit's page, choose the company and allow it. Somebody who administers that company in QuickBooks must do this.",
  toIntuit: "Go to Intuit",
  linarc: "Connect Linarc",
  linarcAgain: (name: string) => `Reconnect ${name}`,
  linarcLead:
    "Enter the API key that Linarc issued for this company. Muster stores it encrypted and never shows it again.",
  key: "API key",
  name: "Name",
  tenantId: "Tenant id",
  tenantHint: "Linarc's id for this company",
  address: "Address of the API",
  missing: "Fill in every field.",
};

export const hook = {
  title: "Webhook",
  lead: (system: string) =>
    `${system} calls this address when an employee changes, so that Muster sees it within seconds. Without it, Muster asks every few minutes.`,
  address: "Address",
  secret: "Secret",
  installation: "Set for the whole installation, from Intuit's developer portal",
  made: (iso: string) => `made ${when(iso)}`,
  none: "None yet: webhooks are not accepted",
  make: "Make a secret",
  replace: "Replace the secret…",
  sure: "Replace the webhook's secret?",
  means: [
    "A new secret is made and shown once. Enter it in the other system.",
    "The one before is accepted for one more day, so nothing is lost meanwhile.",
  ],
  act: "Replace",
  once: (until: string | null) =>
    until
      ? `Enter this secret in the other system. It is shown only once. The one before is accepted until ${when(until)}.`
      : "Enter this secret in the other system. It is shown only once.",
  test: "Send a test",
  tested: (ms: number) => `A test delivery arrived in ${n(ms)} ms.`,
};
