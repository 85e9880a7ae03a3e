import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { ToggleButton } from "react-aria-components/ToggleButton";
import { ToggleButtonGroup } from "react-aria-components/ToggleButtonGroup";
import { Chip } from "../../ui/Chip";
import { Page } from "../../ui/Page";
import { WhoAndWhen } from "../WhoAndWhen";
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
      <WhoAndWhen who={search.who} days={search.days} onChange={onChange} />
      <Chip
        label={words.problems}
        status="failed"
        isSelected={search.problems === "1"}
        onChange={(selected) => onChange({ problems: selected ? "1" : undefined })}
      />
    </div>
  );
}
