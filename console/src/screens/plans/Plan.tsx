import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Link2 } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { useCompany } from "../../company";
import { when } from "../../format";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Spinner } from "../../ui/State";
import { Who } from "../history/Who";
import { Foot } from "./Foot";
import { Held } from "./Held";
import { plan as planQuery } from "./queries";
import { Records } from "./Records";
import { Tiles } from "./Tiles";
import type { PlanRecord, PlanSearch, PlanView } from "./types";
import { stateOf, words } from "./words";
import "../../ui/Status.css";
import "./Plan.css";

/** One plan: what would be written, what is blocked and why, and the one button that writes it. */
export function Plan() {
  const { id } = useCompany();
  const { plan: planId } = useParams({ from: "/c/$company/plans/$plan" });
  const found = useQuery(planQuery(id, planId));
  if (found.isError && !found.data)
    return (
      <Page title={words.open}>
        <Failed error={found.error} onAgain={found.refetch} />
      </Page>
    );
  if (!found.data)
    return (
      <Page title={words.open}>
        <div className="centre">
          <Spinner size={20} />
        </div>
      </Page>
    );
  return <Shown key={planId} plan={found.data} />;
}

function Shown({ plan }: { plan: PlanView }) {
  const { route } = useCompany();
  const search = useSearch({ from: "/c/$company/plans/$plan" });
  const navigate = useNavigate({ from: "/c/$company/plans/$plan" });
  const [chosen, setChosen] = useState<PlanRecord | null>(null);
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const frame = useRef<HTMLDivElement>(null);
  const change = useCallback(
    (what: Partial<PlanSearch>) =>
      void navigate({ search: (before) => ({ ...before, ...what }), replace: true }),
    [navigate],
  );
  useEffect(() => {
    // The page begins at its title, never at the button that commits.
    const title = frame.current?.closest(".page")?.querySelector("h1");
    title?.setAttribute("tabindex", "-1");
    title?.focus({ preventScroll: true });
  }, []);
  const destination = route?.destinationLong ?? "";
  const title =
    plan.kind === "rules"
      ? words.rules(destination, when(plan.created_at))
      : words.title(destination, plan.total);
  return (
    <Page fill title={title} lead={<Lead plan={plan} />} actions={<CopyLink />}>
      <div className="plan" ref={frame}>
        <Held plan={plan} />
        <Tiles plan={plan} search={search} onSearch={change} />
        <div className="plan-body">
          <Records
            plan={plan}
            search={search}
            onSearch={change}
            chosen={chosen}
            onChoose={setChosen}
            ticked={ticked}
            onTick={setTicked}
          />
        </div>
        <Foot plan={plan} ticked={ticked} onReleased={() => setTicked(new Set())} />
      </div>
    </Page>
  );
}

function Lead({ plan }: { plan: PlanView }) {
  const [state, tone] = stateOf(plan);
  return (
    <>
      <span className={`status-label dotted ${tone}`}>{state}</span>
      <span>
        {plan.kind === "rules" ? (
          words.byRules
        ) : (
          <>
            {words.by} <Who actor={plan.owner} />
          </>
        )}
        {`, ${words.made(when(plan.created_at))}`}
        {plan.decided_by && (
          <>
            {" · "}
            {words.decidedBy} <Who actor={plan.decided_by} />
          </>
        )}
        {plan.expires_at && (plan.state === "draft" || plan.state === "held")
          ? ` · ${words.until(when(plan.expires_at))}`
          : ""}
      </span>
    </>
  );
}

function CopyLink() {
  const copy = async () => {
    const { origin, pathname } = window.location;
    try {
      await navigator.clipboard.writeText(origin + pathname);
      notice.good(words.copied);
    } catch {
      notice.good(origin + pathname); // over plain http a page may not copy: the address itself is shown
    }
  };
  return (
    <Button onPress={() => void copy()}>
      <Link2 size={16} aria-hidden="true" />
      {words.copy}
    </Button>
  );
}
