/** Text that several screens share; each screen's own is in its text.ts or words.ts. Reasons and fixes come from the API. */
import type { components } from "./api/schema";
import { n } from "./format";

type Schemas = components["schemas"];
type RunView = Schemas["RunView"];
type Status = Schemas["Status"];

export { n };

/** So many, or "10,000+" where there are more. */
export const atLeastOf = (count: number, more?: boolean) => `${n(count)}${more ? "+" : ""}`;
const people = (count: number, more?: boolean) =>
  count === 1 && !more ? "1 employee" : `${atLeastOf(count, more)} employees`;

export const STATUS: Record<Status, string> = {
  needs_sync: "Needs Sync",
  needs_action: "Needs Action",
  syncing: "Syncing",
  synced: "Synced",
  failed: "Failed",
  held: "Held",
  excluded: "Excluded",
};

const EVENTS: Record<string, string> = {
  "record.linked": "Linked",
  "record.unlinked": "Match to confirm",
  "record.unmatched": "No match",
  "record.disputed": "Match in dispute",
  "record.deleted": "Gone",
  "record.excluded": "Excluded from syncing",
  "decision.made": "Decided",
  "match.failed": "Matching failed",
  "status.changed": "Status",
  "push.planned": "Sync planned",
  "push.succeeded": "Synced",
  "push.adopted": "Copied to source",
  "push.failed": "Sync failed",
  "push.held": "Sync held",
};

const EMPLOYEE_EVENTS: Record<string, (system: string) => string> = {
  "employee.staged": (system) => `Staged from ${system}`,
  "employee.changed": (system) => `Changed in ${system}`,
  "employee.removed": (system) => `Gone from ${system}`,
  "employee.unreadable": (system) => `Could not be read from ${system}`,
};

const SKIPPED: Record<string, string> = {
  moved: "changed after selection",
  already_running: "already being synced",
  disconnected: "destination not connected",
  needs_action: "in Needs Action",
  synced: "already Synced",
  held: "in Held",
  excluded: "Excluded",
  unknown: "no longer there",
};

const CAUSES: Record<string, string> = {
  hook: "from a notification",
  sweep: "found by a regular check",
  import: "by an import",
  push: "by a sync",
};

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
const parts = (...all: (string | false | undefined)[]) => all.filter(Boolean).join(" · ");

export const text = {
  product: "Muster",
  title: (screen: string) => `${screen} · Muster`,
  fresh: {
    within: (minutes: number) => `Changes are seen within ${minutes} min`,
    account: (system: string, looked: string | null, found: number) =>
      `${system}: ${looked ? `everything before ${looked} is known` : "not read yet"}${
        found > 0 ? `; ${n(found)} found by a sweep, missed by webhooks` : ""
      }.`,
  },
  whoAndWhen: {
    who: "Who",
    anybody: "Anybody",
    muster: "Muster",
    when: "When",
    days: { any: "Any time", "1": "Today", "7": "Last 7 days", "30": "Last 30 days" },
  },
  nav: {
    launcher: "App Launcher",
    portfolio: "Portfolio",
    integration: "Integration",
    erp: "ERP Integration",
    employees: "Employees",
    mapping: "Mapping",
    plans: "Plans",
    runs: "Runs",
    operations: "Operations",
    history: "History",
    rules: "Rules",
    people: "People",
    connections: "Connections",
    keys: "API keys",
    audit: "Audit log",
    yourAccount: "Your account",
    schedules: "Schedules",
    endpoints: "Endpoints",
    notifications: "Notifications",
    groups: { operate: "Operate", setup: "Set up", admin: "Administer" },
    sections: "Sections",
    skip: "Skip to the content",
    menu: "Menu",
    help: "Help",
    source: "the source",
    destination: "the destination",
    company: "Company",
    account: "Account",
    signOut: "Sign out",
    secondFactor: "Second factor",
    theme: "Theme",
    system: "System",
    light: "Light",
    dark: "Dark",
  },
  link: {
    live: "Live",
    connecting: "Connecting…",
    reconnecting: "Reconnecting…",
    explain: {
      live: "Changes appear here by themselves.",
      connecting: "The live connection is being opened.",
      reconnecting:
        "Muster is not responding. What you see may be out of date; it reloads when the connection is back.",
    },
  },
  fields: {
    look: "Show what is typed",
    copy: "Copy",
    copyWhat: (what: string) => `Copy: ${what}`,
    copied: "Copied.",
    cancel: "Cancel",
    never: "Never",
  },
  signIn: {
    title: "Sign in",
    lead: "Keep your workforce the same in Linarc and QuickBooks.",
    email: "E-mail address",
    password: "Password",
    button: "Sign in",
    busy: "Signing in…",
    missing: "Enter your e-mail address and your password.",
    code: "Code from your authenticator app",
    codeHint: "Six digits, or one of your recovery codes.",
    sso: (name: string) => `Sign in with ${name}`,
    ssoBusy: "Opening…",
    or: "or with your password",
    onlySome: "Passwords are for a few administrators only.",
    problems: {
      off: "There is no single sign-on here.",
      unavailable: "The single sign-on provider is not responding. Try again in a minute.",
      mixed_up: "That was the answer to another attempt, or it took more than ten minutes. Try again.",
      refused: "You were not signed in there.",
      too_many: "Too many sign-ins were begun from here. Wait a few minutes.",
      not_valid:
        "The provider's answer is not valid. Try again; if it happens again, tell your administrator.",
      no_address: "The provider did not name your e-mail address. Tell your administrator.",
      address_not_verified: "The provider has not verified your e-mail address. Tell your administrator.",
      no_role: "None of your groups has a role here. Ask your Company Administrator.",
    } as Readonly<Record<string, string>>,
  },
  portfolio: {
    installation: "All companies",
    title: "Portfolio",
    lead: "The companies you may see. Open one to review and sync its employees.",
    open: (company: string) => `Open ${company}`,
    none: "You do not belong to a company yet.",
    noneFix: "Ask your Company Administrator to add you, then load this page again.",
    people,
    add: "New company",
    rename: "Rename",
    renameWho: (company: string) => `Rename ${company}`,
    name: "Name of the company",
    noName: "Enter a name.",
    create: "Create",
    save: "Save",
    created: (company: string) => `${company} was created. Connect its two systems next.`,
    renamed: (company: string) => `The company is now called ${company}.`,
  },
  employees: {
    title: "Employees",
    route: (source: string, destination: string) => `${source} → ${destination}`,
    noRoute: "Nothing can be synced yet.",
    noRouteFix:
      "This company has no active route between two systems. Ask your Company Administrator to connect both and to choose the source of truth.",
    search: "Name, number or e-mail",
    clearSearch: "Clear search",
    filter: "Filter by status",
    all: "All",
    columns: {
      serial: "No.",
      number: "Employee Id",
      name: "Employee First and Last Name",
      nameShort: "Employee",
      status: "Status",
      reason: "Reason",
      synced: "Synced",
      actions: "Actions",
    },
    sort: "Sort",
    never: "Not Synced",
    noNumber: "–",
    noName: "No name",
    coming: "Loading…",
    row: (serial: number, name: string) => `Select row ${serial}, ${name}`,
    grid: "Employees",
    moved: (status: string) => `now ${status}`,
    waiting: (count: number, more?: boolean) =>
      count === 1 && !more ? "1 needs attention" : `${atLeastOf(count, more)} need attention`,
  },
  selection: {
    none: "Nothing selected",
    selected: (count: number) => `${n(count)} selected`,
    everything: (count: number, more?: boolean) => `All ${atLeastOf(count, more)} selected`,
    butFew: (count: number, except: number, more?: boolean) =>
      `${atLeastOf(count, more)} selected, all but ${n(except)}`,
    selectAll: (total: number, more?: boolean) => `Select All ${atLeastOf(total, more)}`,
    clear: "Clear selection",
    every: "Select all that match",
    hidden: (count: number) => `${n(count)} hidden by the filter`,
    show: "Show them",
  },
  imports: {
    button: "Import",
    hint: (source: string) => `Reads from ${source}. Nothing is written to the destination.`,
    modes: (source: string): { mode: Schemas["NewImport"]["mode"]; label: string; hint: string }[] => [
      {
        mode: "new",
        label: `Import New Items from Source (${source})`,
        hint: "Only employees that are not staged yet",
      },
      {
        mode: "all",
        label: `Import All Items from Source (${source})`,
        hint: "The whole directory; staged rows are refreshed",
      },
      {
        mode: "selected",
        label: `Import Selected Items from Source (${source})`,
        hint: "You pick them; every other row stays as it is",
      },
    ],
  },
  sync: {
    button: (destination: string) => `Sync to Destination (${destination})`,
    nothing: "Select employees first.",
    busy: "Starting…",
  },
  status: {
    retry: "Click to try this one again",
    againAt: (at: string) => `Tried again at ${at}.`,
    retryAt: (at: string) => `Retries automatically at ${at}.`,
    retryNow: (at: string) => `Retries automatically at ${at}. Click to try it now`,
    why: "Click to see what to do",
    approve: "Approve and sync",
    retryLabel: (name: string, reason: string) => `Failed: ${reason} Try ${name} again`,
    whyLabel: (status: string, name: string, reason: string) =>
      `${status}: ${reason} What to do about ${name}`,
    queued: "Queued",
    again: "Retry",
    review: "Review",
    whatToDo: "What to do",
    choose: "Choose",
    decide: "Choose who it is",
    about: (name: string) => `: ${name}`,
    field: "Field",
    fix: "What to do",
    answer: "What was answered",
    tryAgain: "Try again",
  },
  actions: {
    history: "Change History",
    mapping: "Manual Mapping",
    json: "Json Script",
    of: (action: string, name: string) => `${action} of ${name}`,
    menu: (name: string) => `Actions for ${name}`,
    close: "Close",
  },
  history: {
    kinds: { all: "Everything", fields: "Field changes", syncs: "Syncs", matches: "Matching" },
    filter: "What to show",
    none: "Nothing of this kind has happened yet.",
    older: "Show older entries",
    event: (type: string, system: string) => EMPLOYEE_EVENTS[type]?.(system) ?? EVENTS[type] ?? type,
    status: (status: Status) => `Status: ${STATUS[status]}`,
    cause: (cause: string) => CAUSES[cause],
    empty: "empty",
    hidden: "hidden for your role",
    by: (actor: string) => `by ${actor}`,
    worker: "Muster",
    you: "you",
    someone: "a colleague",
    key: "an API key",
    field: (name: string) => {
      const words =
        name === "number" ? "employee Id" : name.replaceAll("_", " ").replace(/([a-z])(\d)/g, "$1 $2");
      return words.charAt(0).toUpperCase() + words.slice(1);
    },
    became: "became",
    newest: "newest first",
  },
  runs: {
    title: (run: RunView, source: string, destination: string) =>
      run.kind === "sync"
        ? `Sync to ${destination}`
        : run.mode === "new"
          ? `Import of new items from ${source}`
          : run.mode === "directory"
            ? "Complete read of a directory"
            : run.mode === "selected"
              ? `Import of selected items from ${source}`
              : `Import of all items from ${source}`,
    queued: "waiting to begin",
    reading: (read: number) => `${n(read)} read so far`,
    syncing: (done: number, total: number) => `${n(done)} of ${n(total)}`,
    failed: "failed; open the run to see why",
    imported: (c: Record<string, number>, reason: string | null) =>
      parts(
        `${n(c.staged ?? 0)} new`,
        `${n(c.changed ?? 0)} changed`,
        `${n(c.unchanged ?? 0)} unchanged`,
        (c.unreadable ?? 0) > 0 && `${n(c.unreadable ?? 0)} unreadable`,
        (c.removed ?? 0) > 0 && `${n(c.removed ?? 0)} gone`,
        reason === "directory_short" &&
          `${n(c.missing ?? 0)} of ${n(c.known ?? 0)} people were not there, so nobody was marked as gone (see Connections)`,
      ),
    synced: (c: Record<string, number>, skipped: Record<string, number>) =>
      parts(
        `${n(c.succeeded ?? 0)} synced`,
        (c.failed ?? 0) > 0 && `${n(c.failed ?? 0)} not synced`,
        (c.retrying ?? 0) > 0 && `${n(c.retrying ?? 0)} failed and tried again by themselves`,
        sum(skipped) > 0 &&
          `${n(sum(skipped))} skipped (${Object.entries(skipped)
            .filter(([, count]) => count > 0)
            .map(([why, count]) => `${n(count)} ${SKIPPED[why] ?? why}`)
            .join(", ")})`,
      ),
    cancelled: "cancelled",
    done: "finished",
    dismiss: "Dismiss",
    more: (count: number) => (count === 1 ? "and 1 more run" : `and ${n(count)} more runs`),
    started: { import: "The import has begun.", sync: "The sync has begun." },
  },
  csv: {
    button: "Export what matches as CSV",
    done: (count: number) => `${people(count)} are in the file employees.csv.`,
    sourceId: "Source id",
    destinationId: "Destination id",
  },
  list: {
    length: people,
    stale: "The list has changed.",
    refresh: "Refresh",
  },
  views: {
    button: "View",
    title: "How the list looks",
    columns: "Columns",
    column: { number: "Employee Id", reason: "Reason", synced_at: "Synced" },
    compact: "Compact rows",
    saved: "Saved views",
    none: "Keep the search, filter, order and columns as they are now under a name. Only you see it.",
    name: "Name of this view",
    keep: "Save",
    kept: (name: string) => `The view “${name}” is saved.`,
    drop: (name: string) => `Delete the view ${name}`,
  },
  empty: {
    title: "No employees yet",
    fix: (source: string) =>
      `Import them from ${source} to review them here. Nothing is written anywhere until you sync.`,
    noMatch: "Nothing matches",
    noMatchFix: "Try another search or another status.",
    clearFilters: "Clear search and filter",
  },
  errors: {
    title: "This did not work",
    offline: "Muster is not responding. Check your network; the page continues when the connection is back.",
    again: "Try again",
    list: "The list could not be loaded",
    notHere: "There is no such page",
    notHereFix: "It may belong to a company that you may not see.",
    home: "Go to Employees",
    viewer: "Your role is view-only. Ask your Company Administrator for more rights.",
    crash: "The page has a problem",
    crashFix: "Load it again. If it happens again, tell your Company Administrator.",
    reload: "Load again",
    message: (message: string) => message || "Something went wrong. Try again.",
    says: (error: { message: string }): string => text.errors.message(error.message),
  },
} as const;
