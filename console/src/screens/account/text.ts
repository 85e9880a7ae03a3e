export const words = {
  title: "Your account",
  lead: (email: string) => `You are signed in as ${email}.`,
  formats: "Time and numbers",
  formatsLead: "How times, dates and numbers are shown to you, in every company.",
  zone: "Time zone",
  browserZone: (zone: string) => `As this browser has it (${zone})`,
  language: "Format for",
  browserLanguage: (language: string) => `As this browser has it (${language})`,
  example: (when: string, number: string) => `Now it is ${when}; a thousand and a half is ${number}.`,
  saved: "Saved.",
  password: "Password",
  passwordLead: "Your other sessions end when you change it.",
  current: "Current password",
  fresh: "New password",
  least: "At least 12 characters.",
  short: "Use at least 12 characters.",
  change: "Change password",
  changed: "The password is changed. You are signed out everywhere else.",
  sessions: "Where you are signed in",
  browser: "Browser",
  address: "Address",
  began: "Since",
  seen: "Last seen",
  here: "this one",
  end: "Sign out",
  endWho: (agent: string, address: string) => `Sign out ${agent} at ${address}`,
  ended: "That session has ended.",
  endOthers: "Sign out everywhere else",
  othersEnded: "You are signed out everywhere else.",
  companies: "Companies",
  company: "Company",
  role: "Role",
  leave: "Leave…",
  leaveWho: (company: string) => `Leave ${company}`,
};

const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
] as const;
const SYSTEMS = [
  ["Windows", "Windows"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Android", "Android"],
  ["Mac OS X", "Mac"],
  ["Linux", "Linux"],
] as const;

/** A browser by what it calls itself; what nobody knows is shown as it is. */
export function browserOf(agent: string): string {
  const find = (known: readonly (readonly [string, string])[]) =>
    known.find(([mark]) => agent.includes(mark))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  if (!browser) return agent || "A program";
  return system ? `${browser} on ${system}` : browser;
}

/** Languages whose formats differ in what people look at; their own names come from the browser. */
export const LANGUAGES = [
  "en-US",
  "en-GB",
  "en-CA",
  "fr-CA",
  "es-US",
  "es-MX",
  "de-DE",
  "de-CH",
  "fr-FR",
  "nl-NL",
  "pt-BR",
  "sv-SE",
] as const;

export const languageName = (language: string) =>
  new Intl.DisplayNames(["en"], { type: "language" }).of(language) ?? language;

export const zones = (): string[] => ["UTC", ...Intl.supportedValuesOf("timeZone")];
