import { useQuery } from "@tanstack/react-query";
import { me } from "../../api/queries";
import { text } from "../../text";

/** Who made or approved a plan, as histories name them. */
export function Who({ actor }: { actor: string | null | undefined }) {
  const mine = useQuery(me).data?.actor;
  if (actor && actor === mine) return <>{text.history.you}</>;
  if (actor?.startsWith("user:")) return <>{text.history.someone}</>;
  if (actor?.startsWith("key:")) return <>{text.history.key}</>;
  return <>{text.history.worker}</>;
}
