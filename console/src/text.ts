/** All text of the console. Reasons, fixes and names of fields come from the API. */
import type { ImportMode, RunView, Status } from "./api/client";

const number = new Intl.NumberFormat();
export const n = (value: number) => number.format(value);
const people = (count: number) => (count === 1 ? "1 employee" : `${n(count)} employees`);

export const SYSTEMS: Record<string, { short: string; long: string }> = {
  linarc: { short: "Linarc", long: "Linarc" },
  quickbooks: { short: "QBO", long: "QuickBooks Online" },
};

export const STATUS: Record<Status, string> = {
  needs_sync: "Needs Sync",
  needs_action: "Needs Action",
  syncing: "Syncing",
  synced: "Synced",
  failed: "Failed",
  held: "Held",
};

const EVENTS: Record<string, string> = {
  "record.linked": "Linked",
  "record.unlinked": "Match to be confirmed",
  "record.unmatched": "Nobody matches",
  "record.disputed": "Match in dispute",
  "record.deleted": "Gone",
  "match.failed": "Matching failed",
  "status.changed": "Status",
  "push.planned": "Sync planned",
  "push.succeeded": "Synced",
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
  nav: {
    launcher: "App Launcher",
    portfolio: "Portfolio",
    integration: "Integration",
    erp: "ERP Integration",
    employees: "Employees",
    sections: "Sections",
    skip: "Skip to the list",
    company: "Company",
    account: "Account",
    signOut: "Sign out",
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
        "Muster does not answer. What you see may be old; it is read again when the connection is back.",
    },
  },
  signIn: {
    title: "Sign in",
    lead: "Keep your workforce the same in Linarc and QuickBooks.",
    email: "E-mail address",
    password: "Password",
    button: "Sign in",
    busy: "Signing in…",
    missing: "Enter your e-mail address and your password.",
  },
  portfolio: {
    title: "Portfolio",
    lead: "The companies you may see. Open one to review and sync its employees.",
    open: (company: string) => `Open ${company}`,
    none: "You do not belong to a company yet.",
    noneFix: "Ask your Company Administrator to add you, then load this page again.",
    people,
  },
  employees: {
    title: "Employees",
    route: (source: string, destination: string) => `${source} → ${destination}`,
    noRoute: "Nothing can be synced yet.",
    noRouteFix:
      "This company has no active route between two systems. Ask your Company Administrator to connect both and to choose the source of truth.",
    search: "Search name, number or e-mail",
    clearSearch: "Clear search",
    filter: "Filter by status",
    all: "All",
    columns: {
      serial: "No.",
      number: "Employee Id",
      name: "Employee First and Last Name",
      nameShort: "Employee",
      status: "Status",
      synced: "Synced",
      actions: "Actions",
    },
    sort: "Sort",
    never: "Not Synced",
    noNumber: "–",
    noName: "No name",
    row: (serial: number, name: string) => `Select row ${serial}, ${name}`,
    grid: "Employees",
    moved: (status: string) => `now ${status}`,
    loadingMore: "Loading more…",
  },
  selection: {
    none: "Nothing selected",
    selected: (count: number) => `${n(count)} selected`,
    everything: (count: number) => `All ${n(count)} selected`,
    butFew: (count: number, except: number) => `${n(count)} selected, all but ${n(except)}`,
    selectAll: (total: number) => `Select All ${n(total)}`,
    clear: "Clear selection",
  },
  imports: {
    button: "Import",
    hint: (source: string) => `Reads from ${source}. Nothing is written to the destination.`,
    modes: (source: string): { mode: Exclude<ImportMode, "selected">; label: string; hint: string }[] => [
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
    ],
  },
  sync: {
    button: (destination: string) => `Sync to Destination (${destination})`,
    nothing: "Select employees first.",
    busy: "Starting…",
    confirm: {
      title: (count: number, destination: string) => `Sync ${people(count)} to ${destination}?`,
      everything: "Everything in the list is selected.",
      matching: (filter: string) => `Everything that matches ${filter} is selected.`,
      goes: (count: number) => `${people(count)} will be written.`,
      skipped: (count: number) => `${people(count)} will be skipped:`,
      skip: (count: number, status: string) => `${n(count)} ${status}`,
      fixed:
        "The selection is fixed now: what changes until its turn comes is skipped and reported, not written.",
      cancel: "Cancel",
    },
    search: (q: string) => `“${q}”`,
  },
  status: {
    retry: "Click to try this one again",
    why: "Click to see what to do",
    approve: "Approve and sync",
    retryLabel: (name: string, reason: string) => `Failed: ${reason} Try ${name} again`,
    whyLabel: (status: string, name: string, reason: string) =>
      `${status}: ${reason} What to do about ${name}`,
    queued: "Queued",
    field: "Field",
    fix: "What to do",
    tryAgain: "Try again",
  },
  actions: {
    history: "Change History",
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
    hidden: "not shown",
    by: (actor: string) => `by ${actor}`,
    worker: "Muster",
    you: "you",
    someone: "a colleague",
    key: "an API key",
    field: (name: string) => {
      const words = name.replaceAll("_", " ");
      return words.charAt(0).toUpperCase() + words.slice(1);
    },
    became: "became",
    newest: "newest first",
  },
  json: {
    tabs: { source: "Source", staged: "Staged", destination: "Destination" },
    about: {
      source: (system: string) => `The record as ${system} sent it`,
      staged: "What Muster understood and compares",
      destination: (system: string) => `The record as ${system} last answered it`,
    },
    none: {
      source: "The source's record has not been read yet.",
      staged: "Nothing is staged.",
      destination: "There is no record at the destination yet.",
    },
    payloadGone: "It was written by Muster and is shown here after it has been read again.",
    copy: "Copy",
    copied: "Copied",
    download: "Download",
    read: (when: string) => `, read ${when}`,
  },
  runs: {
    title: (run: RunView, source: string, destination: string) =>
      run.kind === "sync"
        ? `Sync to ${destination}`
        : run.mode === "new"
          ? `Import of new items from ${source}`
          : run.mode === "selected"
            ? `Import of selected items from ${source}`
            : `Import of all items from ${source}`,
    queued: "waiting to begin",
    reading: (read: number) => `${n(read)} read so far`,
    syncing: (done: number, total: number) => `${n(done)} of ${n(total)}`,
    failed: (reason: string) => `failed: ${reason}`,
    imported: (c: Record<string, number>) =>
      parts(
        `${n(c.staged ?? 0)} new`,
        `${n(c.changed ?? 0)} changed`,
        `${n(c.unchanged ?? 0)} unchanged`,
        (c.unreadable ?? 0) > 0 && `${n(c.unreadable ?? 0)} unreadable`,
        (c.removed ?? 0) > 0 && `${n(c.removed ?? 0)} gone`,
      ),
    synced: (c: Record<string, number>, skipped: Record<string, number>) =>
      parts(
        `${n(c.succeeded ?? 0)} synced`,
        (c.failed ?? 0) > 0 && `${n(c.failed ?? 0)} not synced`,
        sum(skipped) > 0 &&
          `${n(sum(skipped))} skipped (${Object.entries(skipped)
            .filter(([, count]) => count > 0)
            .map(([why, count]) => `${n(count)} ${SKIPPED[why] ?? why}`)
            .join(", ")})`,
      ),
    done: "finished",
    dismiss: "Dismiss",
    more: (count: number) => `and ${n(count)} more`,
    started: { import: "The import has begun.", sync: "The sync has begun." },
  },
  list: {
    loaded: (loaded: number, total: number) =>
      loaded >= total ? people(total) : `${n(loaded)} of ${people(total)} loaded`,
    stale: "The list has changed.",
    refresh: "Refresh",
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
    offline: "Muster does not answer. Check your network; the page goes on by itself when it is back.",
    again: "Try again",
    list: "The list could not be loaded",
    notHere: "There is no such page",
    notHereFix: "It may belong to a company that you may not see.",
    home: "Go to Employees",
    viewer: "Your role may look, not change. Ask your Company Administrator.",
    crash: "The page has a problem",
    crashFix: "Load it again. If it stays, tell your Company Administrator.",
    reload: "Load again",
    message: (message: string) => message || "Something went wrong. Try again.",
  },
} as const;
