import createClient from "openapi-fetch";
import { text } from "../text";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type RecordView = Schemas["RecordView"];
export type RecordPage = Schemas["RecordPage"];
export type RunView = Schemas["RunView"];
export type CompanyView = Schemas["CompanyView"];
export type DriftedValue = Schemas["DriftedValue"];
export type DriftDecision = Schemas["DriftDecision"];
export type SavedView = Schemas["SavedView"];
export type TimelineEntry = Schemas["TimelineEntry"];
export type Status = Schemas["Status"];
export type ImportMode = Schemas["NewImport"]["mode"];
export type Sort = "number" | "name" | "status" | "synced_at";

/** Why a call did not work. `kind` is the last part of the problem's type, or `offline`. */
export class ApiError extends Error {
  constructor(
    readonly kind: string,
    message: string,
    /** The problem's other members. */
    readonly more: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }

  /** Whether the same call may work in a moment. */
  get passing(): boolean {
    return this.kind === "offline" || this.kind === "unavailable" || this.kind === "internal";
  }
}

export const api = createClient<paths>({ baseUrl: "/", headers: { "X-Muster": "1" } });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws `ApiError` for a problem and for a server that is away. */
export async function ok<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("offline", text.errors.offline);
  }
  if (answer.response.ok) return answer.data as T;
  const problem = (answer.error ?? {}) as { type?: string; detail?: string };
  const kind =
    problem.type?.split(":").at(-1) ?? (answer.response.status >= 500 ? "unavailable" : "internal");
  throw new ApiError(kind, problem.detail ?? "", problem);
}
