export const DAYS = [
  ["30", "30 days"],
  ["90", "90 days"],
  ["180", "180 days"],
  ["365", "A year"],
] as const;

export const words = {
  title: "API keys",
  lead: "Programs come with a key in place of a person. A key may what its role may, in this company alone.",
  docs: "How a program uses Muster stands in docs/programs.md; the API describes itself at",
  make: "Make a key",
  name: "What it is for",
  role: "Role",
  days: "Good for",
  button: "Make the key",
  noName: "Say what the key is for.",
  once: (name: string) =>
    `This is the key for ${name}. It is shown this once: put it where the program reads its secrets.`,
  key: "Key",
  keys: "Keys",
  none: "There is no key yet.",
  maker: "Made by",
  used: "Last used",
  unused: "Never used",
  until: "Good until",
  dead: "no longer taken",
  revoke: "Revoke",
  revokeWho: (name: string) => `Revoke ${name}`,
  sure: (name: string) => `Revoke the key ${name}?`,
  means: "Programs that come with it are refused at once. So are the keys that it made.",
  gone: (name: string) => `The key ${name} is revoked.`,
};
