const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** In the viewer's time zone. */
export const when = (iso: string) => dateTime.format(new Date(iso));
export const exactly = (iso: string) => `${exact.format(new Date(iso))} (${iso})`;
