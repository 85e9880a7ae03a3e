import { text } from "../../text";

/** An e-mail address that breaks before its signs, not within a word. */
const breakable = (address: string) =>
  address.split(/(?=[@.])/).flatMap((part, place) => (place === 0 ? [part] : [<wbr key={part} />, part]));

/** A field's value; what was there before is struck. */
export function Value({ value, old = false }: { value: unknown; old?: boolean }) {
  if (value === null || value === undefined || value === "")
    return <i className="muted">{text.history.empty}</i>;
  const words = typeof value === "object" ? JSON.stringify(value) : String(value);
  const shown = words.includes("@") ? breakable(words) : words;
  return old ? <del>{shown}</del> : <ins>{shown}</ins>;
}
