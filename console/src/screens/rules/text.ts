import { n } from "../../text";

/** What the Rules screen says. */
export const words = {
  title: "Rules",
  lead: (version: number) => `Version ${version} · administrators change them, everybody sees them`,
  may: (names: readonly string[]) =>
    names.length === 0
      ? "A Company Administrator may change this."
      : names.length === 1
        ? `${names[0]} may change this.`
        : `${names[0]} and ${n(names.length - 1)} ${names.length === 2 ? "other" : "others"} may change this.`,
  noRoute: "No source of truth yet",
  noRouteFix:
    "Connect both systems on the Connections page, then choose which one is the source of truth. Only a Company Administrator can do this.",
  tabs: {
    source: "Source of truth",
    automation: "Automation",
    mapping: "Field mapping",
    people: "People",
    matching: "Matching",
    limits: "Safety limits",
    versions: "Versions",
  },
  source: {
    label: "Source of truth",
    save: "Save source of truth",
    hint: "Its values win; the other system is kept the same. Open plans are superseded when it changes.",
  },
  switches: {
    auto_create: ["Auto-Create", "New people in the source are staged automatically."],
    auto_update: ["Auto-Update", "Edits in the source are staged automatically."],
    auto_sync: [
      "Auto-Sync",
      "What is staged automatically is also synced automatically, within the safety limits.",
    ],
    create_missing: ["Create missing people", "People with no match at the destination are created there."],
    confirm_matches: ["Confirm matches", "A certain match is linked only when a person has confirmed it."],
  } as Record<string, readonly [string, string]>,
  limits: {
    direct: [
      "Records synced without a plan",
      "Up to this many records are synced without a plan when somebody presses Sync. 0: always open a plan.",
    ],
    first_sync: ["Hold the first sync", "The company's first plan waits for a release, whatever its size."],
    changed: [
      "Many changes",
      "Holds a plan that changes the name, number or pay of more linked people than this.",
    ],
    changed_percent: ["A large share of changes", "The same, as a percentage of all linked people."],
    deactivated: ["Many deactivations", "Holds a plan that deactivates more people than this."],
    pay_factor: ["A jump in pay", "Any pay that would rise or fall by more than this factor."],
    of: (limit: string) => `Limit: ${limit}`,
    wrong: (min: number, max: number) => `Enter a number from ${n(min)} to ${n(max)}.`,
  } as const,
  file: {
    export: "Export YAML",
    import: "Import YAML",
    read: "The file is read. Look at the dry run, then save.",
  },
  people: {
    scope: "Who takes part",
    scopeHint:
      "People who meet all conditions are synced. The others are Excluded: never pushed, and never deactivated.",
    everybody: "Everybody takes part.",
    add: "Add a condition",
    field: (at: number) => `Field of condition ${at}`,
    how: (at: number) => `How condition ${at} compares`,
    values: (at: number) => `Values of condition ${at}`,
    remove: (at: number) => `Remove condition ${at}`,
    is: "is one of",
    isNot: "is none of",
    yes: "Yes",
    no: "No",
    empty: "no value",
    valuesHint: "Values, with commas between them",
    name: "When a name is taken",
    nameHint:
      "The destination keeps display names unique. A new person whose name is taken gets this display name, such as {name} ({number}); without a rule, or where display names are read-only, a person decides.",
    nameNone: "A person decides",
  },
  columns: {
    destination: "Destination field",
    how: "How",
    from: "From",
    mode: "When",
    clear: "May clear",
    here: "Sample: source",
    sent: "Sample: sent",
  },
  how: { source: "Copy", constant: "Constant", template: "Template", never: "Not sent" } as Record<
    string,
    string
  >,
  modes: { always: "Always", on_create: "On creation", only_if_empty: "Only if empty" } as Record<
    string,
    string
  >,
  of: (what: string, field: string) => `${what} of ${field}`,
  constantHint: "The value for everyone",
  templateHint: "Names of fields in braces, such as {title} ({number})",
  sample: (name: string) => `Sample: ${name}`,
  undo: "Undo this change",
  trial: {
    title: "Dry run",
    nothing: "Change a rule to see what it would do to every record.",
    running: "Trying it out…",
    against: (version: number) => `Your changes against version ${version}:`,
    records: (count: number, complete: boolean) =>
      complete ? `${n(count)} records` : `the first ${n(count)} records`,
    effects: {
      excluded: "would be excluded",
      blocked: "would be blocked",
      cleared: "would lose a value",
      created: "would be created",
      updated: "would be updated",
      released: "would go on",
      settled: "would have nothing to do",
      unchanged: "stay as they are",
    } as Record<string, string>,
    safe: "Saving itself writes nothing. Records that differ become Needs Sync; with Auto-Sync on, those that webhooks or sweeps brought are then synced within the safety limits.",
    discard: "Discard",
    save: (version: number) => `Save as version ${version}`,
    saved: (version: number) => `Version ${version} is saved.`,
    more: "and others",
  },
  versions: {
    version: (version: number) => `Version ${version}`,
    none: "Nothing changed.",
    restore: "Roll back to this",
    restoreSure: (version: number) => `Roll back to version ${version}?`,
    restoreMeans: (from: number, version: number) =>
      `All rules of version ${from} are restored as version ${version}. Open plans may no longer hold.`,
    restored: (from: number, version: number) => `Version ${from} is restored as version ${version}.`,
    older: "Older versions",
    compare: "Compare with",
    compared: (one: number, other: number) => `Version ${one} and version ${other}`,
    same: "They are the same.",
    close: "Close the comparison",
    changed: (before: string, after: string) => `${before} → ${after}`,
    nothing: "nothing",
  },
} as const;

/** A setting's value in words. */
export function valueWords(value: unknown): string {
  if (value === null || value === undefined) return words.versions.nothing;
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value !== "object") return value === "" ? words.versions.nothing : String(value);
  if (Array.isArray(value)) return value.map(conditionWords).join("; ") || words.versions.nothing;
  const entry = value as { source?: string; constant?: string; template?: string; mode?: string };
  const origin = entry.source ?? (entry.constant ? `“${entry.constant}”` : entry.template);
  return [origin, entry.mode && entry.mode !== "always" ? entry.mode.replaceAll("_", " ") : ""]
    .filter(Boolean)
    .join(", ");
}

function conditionWords(one: { field?: string; values?: string[]; excluded?: boolean }): string {
  const { is, isNot, empty } = words.people;
  const values = (one.values ?? []).map((value) => value || empty).join(", ");
  return `${(one.field ?? "").replaceAll("_", " ")} ${one.excluded ? isNot : is} ${values}`;
}

export function settingWords(what: string): string {
  const known =
    words.switches[what]?.[0] ?? { scope: words.people.scope, same_name: words.people.name }[what];
  if (known) return known;
  if (what === "direct_sync") return words.limits.direct[0];
  const limit = words.limits[what.replace(/^limits\./, "") as "changed"];
  if (what.startsWith("limits.") && limit) return limit[0];
  const plain = what
    .replace(/^mapping\./, "Mapping of ")
    .replace(/^connection\./, "Connection to ")
    .replaceAll("_", " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
