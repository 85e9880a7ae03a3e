export const ROLES = { viewer: "Viewer", operator: "Operator", admin: "Administrator" } as const;
export type Role = keyof typeof ROLES;
export const ROLE_OPTIONS = Object.entries(ROLES) as [Role, string][];
export const isRole = (value: unknown): value is Role => typeof value === "string" && value in ROLES;

export const words = {
  title: "People",
  lead: "Viewers see records. Operators also import, map and sync. Administrators also change rules, connections and people.",
  notAdmin: "Only administrators see this page.",
  notAdminFix: "Ask a Company Administrator.",
  members: "Members",
  name: "Name",
  email: "E-mail address",
  role: "Role",
  roleOf: (name: string) => `Role of ${name}`,
  seen: "Last seen",
  notSeen: "Not signed in",
  you: "you",
  remove: "Remove",
  leave: "Leave…",
  leaveSure: (company: string) => `Leave ${company}?`,
  leaveWhat:
    "You can no longer see it, and API keys that you made stop working. An administrator can invite you again.",
  left: (company: string) => `You have left ${company}.`,
  removeWho: (name: string) => `Remove ${name}`,
  removeSure: (name: string) => `Remove ${name} from this company?`,
  removeWhat:
    "They can no longer sign in to it. API keys that they made stop working. What they did stays in the history.",
  removed: (name: string) => `${name} is no longer a member.`,
  changed: (name: string, role: string) => `${name} is now ${role}.`,
  invite: "Invite a colleague",
  send: "Create link",
  invited: "Invited",
  until: "Expires",
  takeBack: "Withdraw",
  takeBackWho: (email: string) => `Withdraw the invitation of ${email}`,
  takenBack: (email: string) => `The invitation of ${email} is withdrawn.`,
  link: (email: string) => `Send this link to ${email}. It is shown only once and works for one person.`,
  linkLabel: "Link",
  badEmail: "Enter an e-mail address.",
};
