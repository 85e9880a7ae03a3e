import { useQuery } from "@tanstack/react-query";
import { CalendarDays, ChevronDown, UserRound } from "lucide-react";
import { people } from "../api/queries";
import { useCompany } from "../company";
import { text } from "../text";
import { Button } from "../ui/Button";
import { Menu } from "../ui/Menu";

const words = text.whoAndWhen;
const DAYS = ["any", "1", "7", "30"] as const;

/** A list's filter by the person who did something, and by how long ago. */
export interface WhoAndWhenFilter {
  /** An actor; `muster` is Muster itself. */
  who?: string | undefined;
  days?: "1" | "7" | "30" | undefined;
}

export function WhoAndWhen({
  who,
  days,
  onChange,
}: WhoAndWhenFilter & { onChange: (what: WhoAndWhenFilter) => void }) {
  const { id } = useCompany();
  const known = useQuery(people(id)).data ?? [];
  const name = who === "muster" ? words.muster : known.find((one) => one.actor === who)?.name;
  return (
    <>
      <Menu
        label={words.who}
        chosen={who ?? "anybody"}
        placement="bottom start"
        trigger={
          <Button aria-label={`${words.who}: ${name ?? words.anybody}`}>
            <UserRound size={16} aria-hidden="true" />
            {name ?? words.anybody}
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
        items={[
          { id: "anybody", label: words.anybody },
          { id: "muster", label: words.muster },
          ...known.map((one) => ({ id: one.actor, label: one.name })),
        ]}
        onAction={(one) => onChange({ who: one === "anybody" ? undefined : one })}
      />
      <Menu
        label={words.when}
        chosen={days ?? "any"}
        placement="bottom start"
        trigger={
          <Button aria-label={`${words.when}: ${words.days[days ?? "any"]}`}>
            <CalendarDays size={16} aria-hidden="true" />
            {words.days[days ?? "any"]}
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
        items={DAYS.map((one) => ({ id: one, label: words.days[one] }))}
        onAction={(one) => onChange({ days: one === "any" ? undefined : (one as "1") })}
      />
    </>
  );
}
