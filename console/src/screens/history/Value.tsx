import { text } from "../../text";

/** A field's value; what was there before is struck. */
export function Value({ value, old = false }: { value: unknown; old?: boolean }) {
  if (value === null || value === undefined || value === "")
    return <i className="muted">{text.history.empty}</i>;
  const words = typeof value === "object" ? JSON.stringify(value) : String(value);
  return old ? <del>{words}</del> : <ins>{words}</ins>;
}
