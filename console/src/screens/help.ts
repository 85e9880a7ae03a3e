/** The text of the help panel: five tasks, each with all its steps. */

interface Systems {
  source: string;
  destination: string;
}

interface Task {
  id: string;
  title: string;
  lead: string;
  steps: readonly string[];
}

const OPEN = "Open App Launcher, then Portfolio, then the company. The Employees list opens.";

const sync = (
  { source, destination }: Systems,
  kind: "New" | "All" | "Selected",
  choose: readonly string[],
) => [
  OPEN,
  ...(kind === "Selected"
    ? [
        `Press Import and choose Import Selected Items from Source (${source}).`,
        "Choose people in the live directory: a click chooses one, Ctrl adds, Shift selects a range, Select All takes everybody. Then press Import.",
      ]
    : [`Press Import and choose Import ${kind} Items from Source (${source}).`]),
  "Wait until the line at the foot shows a green tick and says how many are new. The rows say Needs Sync; those that need a decision say Needs Action.",
  ...choose,
  `Press Sync to Destination (${destination}). The plan shows what will be written; press Approve and write. Where it is held, as the first one is, it says why, and the button is Release and write. Where the rules allow it, a few are written at once, without a plan.`,
  "Go back to Employees. Each row turns Synced, with the date and time, or says why it did not. Point at Failed to read the reason, and press it to try that one again.",
];

export const tasks = (systems: Systems): readonly Task[] => [
  {
    id: "new",
    title: "Sync new employees",
    lead: `For people who were hired in ${systems.source} since the last import.`,
    steps: sync(systems, "New", ["Press Needs Sync above the list, then Select All."]),
  },
  {
    id: "all",
    title: "Sync all employees",
    lead: `Reads the whole directory of ${systems.source} again; rows that are staged already are refreshed.`,
    steps: sync(systems, "All", ["Press Select All above the list. The count beside it says how many."]),
  },
  {
    id: "selected",
    title: "Sync selected employees",
    lead: "For some people only.",
    steps: sync(systems, "Selected", [
      "Choose rows by their number: a click chooses one, Ctrl (Cmd on a Mac) adds, Shift selects a range. The boxes do the same.",
    ]),
  },
  {
    id: "mapping",
    title: "Map an employee manually",
    lead: `When Muster cannot tell with certainty who somebody is in ${systems.destination}.`,
    steps: [
      OPEN,
      "Press Needs Action above the list. The reason stands beside each name.",
      "Press Choose, or the mapping icon in the column Actions. Manual Entity Mapping opens with the record on the left.",
      `Choose who it is in ${systems.destination}, or search for somebody else there. The two are compared field by field.`,
      "Press Save. The two are linked, and nothing is written yet. The message offers Undo.",
      "Press Save and sync instead to link and write at once. The fields are shown first.",
      "If it is none of them, press Create new. If the person must never be synced, press Exclude from sync and say why.",
    ],
  },
  {
    id: "history",
    title: "View the history of an employee",
    lead: "What changed, field by field, and every sync with its result.",
    steps: [
      OPEN,
      "Find the person: press / and type a name, a number or an e-mail address.",
      "Press the clock in the column Actions. Change History opens, newest first.",
      "Press Field changes, Syncs or Matching to see only those.",
      "Press Json Script in the column Actions to see the data that was sent and received.",
    ],
  },
];

export const KEYS: readonly (readonly [string, string])[] = [
  ["/", "Search"],
  ["↑ ↓", "Move in the list"],
  ["Space", "Select or deselect the row"],
  ["Shift ↑ ↓", "Select a range"],
  ["Ctrl A", "Select all matches"],
  ["Esc", "Clear the selection; close a dialog"],
  ["← →", "The buttons of a row"],
  ["1–9", "Choose a candidate, in Manual Entity Mapping"],
  ["Ctrl Enter", "Save, in Manual Entity Mapping"],
  ["Alt ← →", "Previous or next case"],
  ["F6", "The message at the foot"],
  ["?", "This help"],
];

export const words = {
  title: "Help",
  jump: "Jump to",
  tasks: "Tasks",
  keys: "Keys",
  people: "Who can help",
  peopleLead: (company: string) =>
    `The Company Administrators of ${company} set roles, rules and connections:`,
  key: "Key",
  does: "What it does",
};
