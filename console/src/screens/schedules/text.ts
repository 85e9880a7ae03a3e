import type { components } from "../../api/schema";

export type NewSchedule = components["schemas"]["NewSchedule"];
export type Schedule = components["schemas"]["ScheduleView"];
export type Action = "import_new" | "import_all" | "sync";
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Day = (typeof DAYS)[number];

/** What the Schedules page says. */
export const words = {
  title: "Schedules",
  lead: "Imports and syncs that start by themselves. Missed times are made up for by one run.",
  add: "Add a schedule",
  action: "What",
  actions: (source: string, destination: string): Record<Action, string> => ({
    import_new: `Import new from ${source}`,
    import_all: `Import all from ${source}`,
    sync: `Sync to ${destination}`,
  }),
  how: "How often",
  every: "Every",
  at: "At a time",
  cron: "Cron expression",
  cronFields: "A cron expression has five fields: minute, hour, day of the month, month, day of the week.",
  minutes: "Minutes",
  everyMinutes: (n: number) =>
    n % 1440 === 0
      ? `Every ${n === 1440 ? "day" : `${n / 1440} days`}`
      : n % 60 === 0
        ? `Every ${n === 60 ? "hour" : `${n / 60} hours`}`
        : `Every ${n} minutes`,
  time: "Time",
  days: "Days",
  day: {
    mon: "Mon",
    tue: "Tue",
    wed: "Wed",
    thu: "Thu",
    fri: "Fri",
    sat: "Sat",
    sun: "Sun",
  } satisfies Record<Day, string>,
  daily: "Every day",
  zone: "Time zone",
  atCron: (cron: string, zone: string) => `${cron} (${zone})`,
  atTime: (at: string, days: string, zone: string) => `${days} at ${at} (${zone})`,
  save: "Add schedule",
  edit: "Edit",
  change: "Save",
  changed: (name: string) => `${name}: the schedule is changed.`,
  timing: "When",
  next: "Next",
  last: "Last",
  paused: "Paused",
  never: "Not yet",
  run: "Open its run",
  pause: "Pause",
  resume: "Resume",
  remove: "Remove",
  removeSure: "Remove this schedule?",
  removeMeans: (when: string) => `It no longer starts by itself (${when}).`,
  none: "No schedules yet",
  noneFix: "A Company Administrator can add a schedule. Webhooks and sweeps bring changes without one.",
  noDay: "Choose at least one day.",
};
