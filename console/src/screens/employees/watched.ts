import { useSyncExternalStore } from "react";

/** The runs that this tab follows, kept over a reload; those that were dismissed are remembered as such. */
interface Watched {
  follow: string[];
  dismissed: string[];
}

const MOST = 8;
const listeners = new Set<() => void>();
const cache = new Map<string, Watched>();

function load(company: string): Watched {
  const known = cache.get(company);
  if (known) return known;
  let read: Watched = { follow: [], dismissed: [] };
  try {
    const stored = sessionStorage.getItem(`muster.runs.${company}`);
    if (stored) read = JSON.parse(stored) as Watched;
  } catch {
    // Nothing was kept.
  }
  cache.set(company, read);
  return read;
}

function save(company: string, next: Watched): void {
  cache.set(company, next);
  try {
    sessionStorage.setItem(`muster.runs.${company}`, JSON.stringify(next));
  } catch {
    // Storage is switched off: kept until the page is left.
  }
  for (const tell of listeners) tell();
}

export function watchRun(company: string, run: string): void {
  const { follow, dismissed } = load(company);
  save(company, { follow: [run, ...follow.filter((one) => one !== run)].slice(0, MOST), dismissed });
}

export function dismissRun(company: string, run: string): void {
  const { follow, dismissed } = load(company);
  save(company, { follow: follow.filter((one) => one !== run), dismissed: [run, ...dismissed].slice(0, 50) });
}

export const useWatched = (company: string) =>
  useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => load(company),
  );
