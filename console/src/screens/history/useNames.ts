import { useQuery } from "@tanstack/react-query";
import { me, people } from "../../api/queries";
import { useCompany } from "../../company";
import { text } from "../../text";

/** Who an actor is, in words. */
export function useNames(): (actor: string | null | undefined) => string {
  const { id } = useCompany();
  const mine = useQuery(me).data?.actor;
  const known = useQuery(people(id)).data;
  return (actor) => {
    if (!actor) return text.history.worker;
    if (actor === mine) return text.history.you;
    const name = known?.find((one) => one.actor === actor)?.name;
    if (name) return name;
    if (actor.startsWith("key:")) return text.history.key;
    return actor.startsWith("user:") ? text.history.someone : text.history.worker;
  };
}
