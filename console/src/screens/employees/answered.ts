import type { components } from "../../api/schema";

type Answer = components["schemas"]["RemoteAnswer"];

/** What a system answered: its status, its code, the name of the exchange, and its own words where the role sees them. */
export function answered(system: string, { status, code, trace_id, remote_text }: Answer): string {
  const known = [code && `code ${code}`, trace_id && `trace id ${trace_id}`].filter(Boolean).join(", ");
  return `${system} answered ${status}${known && ` (${known})`}${remote_text ? `: “${remote_text}”` : "."}`;
}
