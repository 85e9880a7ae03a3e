export const DAYS = [
  ["30", "30 days"],
  ["90", "90 days"],
  ["180", "180 days"],
  ["365", "A year"],
] as const;

export const words = {
  title: "API keys",
  lead: "Programs sign in with a key. A key can do what its role allows, in this company only.",
  docs: "How a program uses Muster is in docs/programs.md. The API's description is at",
  make: "Create a key",
  name: "What it is for",
  role: "Role",
  days: "Expires in",
  button: "Create key",
  noName: "Say what the key is for.",
  once: (name: string) =>
    `This is the key for ${name}. It is shown only once: put it where the program reads its secrets.`,
  key: "Key",
  keys: "Keys",
  none: "There is no key yet.",
  maker: "Made by",
  used: "Last used",
  unused: "Never used",
  until: "Expires",
  dead: "no longer accepted",
  revoke: "Revoke",
  revokeWho: (name: string) => `Revoke ${name}`,
  sure: (name: string) => `Revoke the key ${name}?`,
  means: "Programs that use it are refused immediately, and the keys it created stop working too.",
  gone: (name: string) => `The key ${name} is revoked.`,
};
