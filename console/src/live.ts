import { useSyncExternalStore } from "react";
import type { RecordView } from "./api/client";

export type Link = "connecting" | "live" | "reconnecting";
const MOST_IDS = 500;
/** Rows that are kept although nobody watches them. */
const KEPT = 2_000;
const REOPEN_MS = 2_000;

interface Held {
  row: RecordView;
  /** When the request began that brought it, and since when it must be newer; ticks of `Rows.tick`. */
  read: number;
  wanted: number;
}

/**
 * The rows that the page knows, each watched by the cells that show it.
 *
 * A row that is reported as changed is read again only while somebody watches it; else when it is watched next, and so is
 * one that is not known yet. An answer never replaces one whose request began later. Of those that nobody watches, only so
 * many are kept.
 */
export class Rows {
  private readonly held = new Map<string, Held>();
  private readonly watchers = new Map<string, Set<() => void>>();
  private readonly due = new Set<string>();
  private clock = 0;
  private fresh = 0;
  private busy = false;

  constructor(private readonly fetchRows: (ids: string[]) => Promise<readonly RecordView[]>) {}

  /** A moment: take one before asking, and give it to `put` with the answer. */
  tick(): number {
    this.clock += 1;
    return this.clock;
  }

  get(id: string): RecordView | undefined {
    return this.held.get(id)?.row;
  }

  has(id: string): boolean {
    return this.held.has(id);
  }

  put(rows: readonly RecordView[], read: number): void {
    for (const row of rows) {
      const held = this.held.get(row.record_id);
      if (!held) {
        this.held.set(row.record_id, { row, read, wanted: 0 });
      } else if (read >= held.read) {
        held.read = read;
        if (same(held.row, row)) continue;
        held.row = row;
      } else continue;
      for (const tell of this.watchers.get(row.record_id) ?? []) tell();
    }
    if (this.held.size > 2 * KEPT) this.evict();
  }

  watch(id: string, tell: () => void): () => void {
    const watching = this.watchers.get(id) ?? new Set();
    watching.add(tell);
    this.watchers.set(id, watching);
    if (this.isStale(id)) this.ask([id]);
    return () => {
      watching.delete(tell);
      if (watching.size === 0) this.watchers.delete(id);
    };
  }

  /** These have moved. */
  moved(ids: readonly string[]): void {
    const now = this.tick();
    const shown: string[] = [];
    for (const id of ids) {
      const held = this.held.get(id);
      if (!held) continue;
      held.wanted = now;
      if (this.watchers.has(id)) shown.push(id);
    }
    this.ask(shown);
  }

  /** Anything may have moved. */
  allMoved(): void {
    this.fresh = this.tick();
    this.ask([...this.watchers.keys()]);
  }

  private isStale(id: string): boolean {
    const held = this.held.get(id);
    return held === undefined || held.read < Math.max(held.wanted, this.fresh);
  }

  private evict(): void {
    for (const id of this.held.keys()) {
      if (this.held.size <= KEPT) return;
      if (!this.watchers.has(id)) this.held.delete(id);
    }
  }

  private ask(ids: readonly string[]): void {
    for (const id of ids) this.due.add(id);
    if (!this.busy && this.due.size > 0) {
      this.busy = true;
      queueMicrotask(() => void this.drain());
    }
  }

  private async drain(): Promise<void> {
    while (this.due.size > 0) {
      const ids = [...this.due].filter((id) => this.watchers.has(id) && this.isStale(id)).slice(0, MOST_IDS);
      if (ids.length === 0) {
        this.due.clear();
        break;
      }
      for (const id of ids) this.due.delete(id);
      const began = this.tick();
      try {
        this.put(await this.fetchRows(ids), began);
      } catch {
        for (const id of ids) this.due.add(id);
        setTimeout(() => this.ask([]), REOPEN_MS);
        break;
      }
    }
    this.busy = false;
  }
}

function same(one: RecordView, other: RecordView): boolean {
  return (Object.keys(other) as (keyof RecordView)[]).every((key) => one[key] === other[key]);
}

/** What the stream says: ids, never rows. No list of records means that many moved. */
export interface Hint {
  records: string[] | null;
  runs: string[];
  counts: boolean;
}

export interface Listener {
  hint(hint: Hint): void;
  resync(): void;
  link(link: Link): void;
}

/** Reads a company's stream until it is closed; one that the server ended is opened again, and then all is read again. */
export function listen(company: string, listener: Listener): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let began = false;

  const open = () => {
    source = new EventSource(`/v1/companies/${company}/stream`);
    let fresh = true;
    source.onopen = () => {
      listener.link("live");
      // A new source has no position: what moved before it opened is read now. One that only reconnects goes on where it was.
      if (fresh) listener.resync();
      fresh = false;
      began = true;
    };
    source.onerror = () => {
      listener.link(began ? "reconnecting" : "connecting");
      if (source.readyState !== EventSource.CLOSED) return;
      began = true;
      timer = setTimeout(open, REOPEN_MS);
    };
    source.addEventListener("changed", (event) => listener.hint(JSON.parse(event.data) as Hint));
    source.addEventListener("resync", () => listener.resync());
  };

  const again = (milliseconds: number) => {
    clearTimeout(timer);
    source.close();
    began = true;
    listener.link("reconnecting");
    timer = setTimeout(open, milliseconds);
  };
  // The browser knows of a lost network long before the stream does.
  const lost = () => again(REOPEN_MS);
  const back = () => again(0);
  addEventListener("offline", lost);
  addEventListener("online", back);
  listener.link("connecting");
  open();
  return () => {
    removeEventListener("offline", lost);
    removeEventListener("online", back);
    clearTimeout(timer);
    source.close();
  };
}

/** One row, kept up to date. */
export function useRow(rows: Rows, id: string): RecordView | undefined {
  return useSyncExternalStore(
    (tell) => rows.watch(id, tell),
    () => rows.get(id),
  );
}
