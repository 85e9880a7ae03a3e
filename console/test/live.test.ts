import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RecordView } from "../src/api/client";
import { listen, Rows } from "../src/live";

const row = (id: string, status: RecordView["status"] = "needs_sync") =>
  ({ record_id: id, status, name: id }) as RecordView;
const settle = () => new Promise((done) => setTimeout(done, 0));

describe("rows", () => {
  it("are read again when they moved and somebody watches them", async () => {
    const read = vi.fn(async (ids: string[]) => ids.map((id) => row(id, "synced")));
    const rows = new Rows(read);
    rows.put([row("a"), row("b")], rows.tick());
    const told = vi.fn();
    rows.watch("a", told);

    rows.moved(["a", "b", "unknown"]);
    await settle();

    expect(read.mock.calls).toEqual([[["a"]]]);
    expect(rows.get("a")?.status).toBe("synced");
    expect(told).toHaveBeenCalledOnce();
    expect(rows.get("b")?.status).toBe("needs_sync");
  });

  it("that moved unseen are read when they come into view", async () => {
    const read = vi.fn(async (ids: string[]) => ids.map((id) => row(id, "synced")));
    const rows = new Rows(read);
    rows.put([row("b")], rows.tick());
    rows.moved(["b"]);
    await settle();
    expect(read).not.toHaveBeenCalled();

    rows.watch("b", () => {});
    await settle();

    expect(rows.get("b")?.status).toBe("synced");
  });

  it("that are not known are read when they come into view, and not when they are out of it again", async () => {
    const read = vi.fn(async (ids: string[]) => ids.map((id) => row(id)));
    const rows = new Rows(read);
    const gone = rows.watch("a", () => {});
    rows.watch("b", () => {});
    gone();
    await settle();

    expect(read.mock.calls).toEqual([[["b"]]]);
    expect(rows.get("b")).toBeDefined();
  });

  it("are asked for again a moment after a read that failed, and no sooner", async () => {
    vi.useFakeTimers();
    try {
      const read = vi.fn(async (ids: string[]) => ids.map((id) => row(id)));
      read.mockRejectedValueOnce(new Error("away"));
      const rows = new Rows(read);
      rows.watch("a", () => {});
      await vi.advanceTimersByTimeAsync(1_999);
      expect(read).toHaveBeenCalledOnce();

      await vi.advanceTimersByTimeAsync(1);

      expect(read.mock.calls).toEqual([[["a"]], [["a"]]]);
      expect(rows.get("a")).toBeDefined();
    } finally {
      vi.useRealTimers();
    }
  });

  it("are not all kept, but those that are watched are", () => {
    const rows = new Rows(async () => []);
    rows.watch("r0", () => {});
    for (let n = 0; n < 20_000; n += 500)
      rows.put(
        Array.from({ length: 500 }, (_, m) => row(`r${n + m}`)),
        rows.tick(),
      );

    const kept = Array.from({ length: 20_000 }, (_, n) => `r${n}`).filter((id) => rows.has(id));
    expect(kept.length).toBeLessThanOrEqual(4_000);
    expect(kept[0]).toBe("r0");
    expect(kept.at(-1)).toBe("r19999");
  });

  it("never go back to an answer that was asked for earlier", () => {
    const rows = new Rows(async () => []);
    const [early, late] = [rows.tick(), rows.tick()];
    rows.put([row("a", "synced")], late);
    rows.put([row("a", "syncing")], early);

    expect(rows.get("a")?.status).toBe("synced");
  });

  it("that move while they are being read are read once more", async () => {
    const answers = [row("a", "syncing"), row("a", "synced")];
    const waiting: (() => void)[] = [];
    const rows = new Rows(async () => {
      const answer = answers.shift();
      await new Promise<void>((go) => waiting.push(go));
      return answer ? [answer] : [];
    });
    rows.put([row("a")], rows.tick());
    rows.watch("a", () => {});
    rows.moved(["a"]);
    await settle();
    rows.moved(["a"]);
    waiting.shift()?.();
    await settle();
    waiting.shift()?.();
    await settle();

    expect(rows.get("a")?.status).toBe("synced");
    expect(answers).toEqual([]);
  });

  it("do not tell who watches when nothing differs", () => {
    const rows = new Rows(async () => []);
    const told = vi.fn();
    rows.put([row("a")], rows.tick());
    rows.watch("a", told);
    rows.put([row("a")], rows.tick());

    expect(told).not.toHaveBeenCalled();
  });

  it("of a page that was asked for before everything moved are read again", async () => {
    const read = vi.fn(async (ids: string[]) => ids.map((id) => row(id, "synced")));
    const rows = new Rows(read);
    const asked = rows.tick();
    rows.allMoved();
    rows.put([row("a")], asked);
    rows.watch("a", () => {});
    await settle();

    expect(rows.get("a")?.status).toBe("synced");
  });
});

class Source extends EventTarget {
  static last: Source;
  static readonly CLOSED = 2;
  readyState = 0;
  onopen?: () => void;
  onerror?: () => void;
  constructor(readonly url: string) {
    super();
    Source.last = this;
  }
  close() {
    this.readyState = Source.CLOSED;
  }
}

describe("the stream", () => {
  const page = new EventTarget();
  beforeEach(() => {
    vi.stubGlobal("EventSource", Source);
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("is given up when the network is lost, and opened at once when it is back", () => {
    const heard = { hint: vi.fn(), resync: vi.fn(), link: vi.fn() };
    const stop = listen("c", heard);
    const first = Source.last;
    first.onopen?.();
    page.dispatchEvent(new Event("offline"));
    expect(first.readyState).toBe(Source.CLOSED);
    expect(heard.link).toHaveBeenLastCalledWith("reconnecting");
    page.dispatchEvent(new Event("online"));
    vi.advanceTimersByTime(0);
    expect(Source.last).not.toBe(first);
    Source.last.onopen?.();
    expect(heard.resync).toHaveBeenCalledTimes(2);
    stop();
    const last = Source.last;
    page.dispatchEvent(new Event("online"));
    vi.runAllTimers();
    expect(Source.last).toBe(last);
  });

  it("reads everything again when it opens, not when it only goes on, and again when the server ended it", () => {
    const heard = { hint: vi.fn(), resync: vi.fn(), link: vi.fn() };
    const stop = listen("c", heard);
    const first = Source.last;
    first.onopen?.();
    expect(heard.resync).toHaveBeenCalledTimes(1);

    first.onerror?.();
    first.onopen?.();
    expect(heard.resync).toHaveBeenCalledTimes(1);
    expect(heard.link.mock.calls.flat()).toEqual(["connecting", "live", "reconnecting", "live"]);

    first.close();
    first.onerror?.();
    vi.runAllTimers();
    expect(Source.last).not.toBe(first);
    Source.last.onopen?.();
    expect(heard.resync).toHaveBeenCalledTimes(2);

    const hint = { records: ["a"], runs: [], counts: true };
    Source.last.dispatchEvent(new MessageEvent("changed", { data: JSON.stringify(hint) }));
    expect(heard.hint).toHaveBeenCalledWith(hint);
    Source.last.dispatchEvent(new MessageEvent("resync", { data: "{}" }));
    expect(heard.resync).toHaveBeenCalledTimes(3);
    stop();
  });
});
