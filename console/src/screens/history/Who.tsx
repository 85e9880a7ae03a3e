import { useNames } from "./useNames";

/** A person's name, an API key's, or Muster itself. */
export function Who({ actor }: { actor: string | null | undefined }) {
  return <span>{useNames()(actor)}</span>;
}
