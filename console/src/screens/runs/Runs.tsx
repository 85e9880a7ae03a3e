import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { CalendarDays, ChevronDown, UserRound } from "lucide-react";
import { useCallback } from "react";
import { ToggleButton } from "react-aria-components/ToggleButton";
import { ToggleButtonGroup } from "react-aria-components/ToggleButtonGroup";
import { people } from "../../api/queries";
import { useCompany } from "../../company";
import { Button } from "../../ui/Button";
import { Chip } from "../../ui/Chip";
import { Menu } from "../../ui/Menu";
import { Page } from "../../ui/Page";
import { RunDetailPanel } from "./RunDetail";
import { RunList } from "./RunList";
import { Running } from "./Running";
import type { RunsSearch } from "./search";
import { words } from "./text";
import "./Runs.css";

/** Imports and syncs: what there was, how each ended, and why records did not go through. */
export function Runs() {
  const search = useSearch({ from: "/c/$company/runs" });
  const navigate = useNavigate({ from: "/c/$company/runs" });
  const change = useCallback(
    (what: Partial<RunsSearch>, replace = true) =>
      void navigate({ search: (before) => ({ ...before, ...what }), replace }),
    [navigate],
  );
  const open = useCallback((run: string | undefined) => change({ run }, false), [change]);
  return (
    <Page title={words.title} lead={words.lead} fill>
      <Filters search={search} onChange={change} />
      <Running onOpen={open} />
      <div className={search.run ? "runs open" : "runs"}>
        <RunList
          search={search}
          onOpen={open}
          onClear={() => change({ kind: undefined, who: undefined, days: undefined, problems: undefined })}
        />
        <RunDetailPanel key={search.run} run={search.run} onClose={() => open(undefined)} />
      </div>
    </Page>
  );
}

function Filters({
  search,
  onChange,
}: {
  search: RunsSearch;
  onChange: (what: Partial<RunsSearch>) => void;
}) {
  const { id } = useCompany();
  const known = useQuery(people(id)).data ?? [];
  const who = search.who ?? "";
  const days = search.days ?? "";
  const named = who === "muster" ? words.muster : known.find((one) => one.actor === who)?.name;
  return (
    <div className="run-filters">
      <ToggleButtonGroup
        aria-label={words.kindsLabel}
        className="segments"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[search.kind ?? "all"]}
        onSelectionChange={(keys) => {
          const [kind] = keys;
          onChange({ kind: kind === "import" || kind === "sync" ? kind : undefined });
        }}
      >
        {(["all", "import", "sync"] as const).map((kind) => (
          <ToggleButton key={kind} id={kind} className="segment">
            {words.kinds[kind]}
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      <Menu
        label={words.who}
        chosen={who || "anybody"}
        placement="bottom start"
        trigger={
          <Button aria-label={`${words.who}: ${named ?? words.anybody}`}>
            <UserRound size={16} aria-hidden="true" />
            {named ?? words.anybody}
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
        chosen={days || "any"}
        placement="bottom start"
        trigger={
          <Button aria-label={`${words.when}: ${words.days[days]}`}>
            <CalendarDays size={16} aria-hidden="true" />
            {words.days[days]}
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
        items={(["any", "1", "7", "30"] as const).map((one) => ({
          id: one,
          label: words.days[one === "any" ? "" : one],
        }))}
        onAction={(one) => onChange({ days: one === "any" ? undefined : (one as "1") })}
      />
      <Chip
        label={words.problems}
        status="failed"
        isSelected={search.problems === "1"}
        onChange={(selected) => onChange({ problems: selected ? "1" : undefined })}
      />
    </div>
  );
}
