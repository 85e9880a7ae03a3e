export const SPANS = { "15m": "15 min", "1h": "1 hour", "24h": "24 hours", "7d": "7 days" } as const;
export type Span = keyof typeof SPANS;
export const isSpan = (value: unknown): value is Span => typeof value === "string" && value in SPANS;

export interface OperationsSearch {
  span?: Span | undefined;
  /** The dead letter that is open: `service/id`. */
  letter?: string | undefined;
}
