import { text } from "../../text";
import { Breakable } from "../../ui/Breakable";

/** A field's value; what was there before is struck. */
export function Value({ value, old = false }: { value: unknown; old?: boolean }) {
  if (value === null || value === undefined || value === "")
    return <i className="muted">{text.history.empty}</i>;
  const words = typeof value === "object" ? JSON.stringify(value) : String(value);
  const shown = <Breakable words={words} />;
  return old ? <del>{shown}</del> : <ins>{shown}</ins>;
}
