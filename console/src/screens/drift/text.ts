/** What the dialog about values that were changed at the destination says. */
export const words = {
  lead: (system: string, when: string | null) =>
    `Somebody changed this person in ${system}${when ? `, ${when}` : ""}. Automatic syncs leave these fields alone until you decide.`,
  adopt: (source: string) => `Take over into ${source}`,
  overwrite: (destination: string) => `Overwrite in ${destination}`,
  stand: "Keep both",
  standHint: "until either side changes again",
  save: "Save decision",
  none: "There is nothing to decide any more: one side has changed since.",
  done: (name: string) => `Your decision about ${name} is being carried out.`,
  stands: (name: string) => `The values of ${name} stay as they are on both sides.`,
};
