import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { newKey } from "../../key";
import { forgetSelection, lastList } from "../../search";
import { n, text } from "../../text";
import { Button } from "../../ui/Button";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { Sure } from "../../ui/Sure";
import { watchRun } from "../employees/watched";
import { apply, cancel, release } from "./queries";
import { isMoving, isOpen, type PlanView } from "./types";
import { useCommit } from "./useCommit";
import { words } from "./words";

interface FootProps {
  plan: PlanView;
  ticked: ReadonlySet<string>;
  onReleased: () => void;
}

/** Where the work ends: what is the case, the way back, and the button that writes. It comes last in the order of Tab. */
export function Foot({ plan, ticked, onReleased }: FootProps) {
  const { id, mayChange } = useCompany();
  return (
    <footer className="plan-foot">
      <span role="status">{saysWhat(plan)}</span>
      {plan.outcomes?.failed ? (
        <Link
          to="/c/$company/employees"
          params={{ company: id }}
          search={{ status: ["needs_action", "failed"] }}
          className="plan-link"
        >
          {words.seeFailed}
        </Link>
      ) : null}
      <Link to="/c/$company/employees" params={{ company: id }} search={lastList(id)} className="plan-link">
        {words.back}
      </Link>
      {mayChange && (isOpen(plan) || isMoving(plan)) && <Cancel plan={plan} />}
      {mayChange && isOpen(plan) && <Commit plan={plan} ticked={ticked} onReleased={onReleased} />}
      {!mayChange && isOpen(plan) && <span className="muted">{text.errors.viewer}</span>}
    </footer>
  );
}

function saysWhat(plan: PlanView): string {
  const counted = (plan.counts ?? []).reduce((sum, one) => sum + one.records, 0);
  if (!plan.ready) return words.making(counted, plan.total);
  const outcomes = words.progress(plan.outcomes ?? {});
  if (outcomes) return outcomes;
  if (isOpen(plan) && plan.to_write === 0) {
    const all = (plan.counts ?? []).every((one) => one.action === "no_change");
    return all ? words.nothing : words.nothingLeft;
  }
  return isOpen(plan) ? words.notWritten : "";
}

function Cancel({ plan }: { plan: PlanView }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const open = isOpen(plan);
  const press = async () => {
    try {
      await cancel(id, plan.plan_id);
      notice.good(words.stopped);
    } catch (error) {
      notice.bad(text.errors.says(error as ApiError));
    }
    setTimeout(() => void client.invalidateQueries({ queryKey: ["plan", id, plan.plan_id] }), 400);
  };
  if (plan.kind === "rules" && plan.state !== "held") return null;
  return (
    <>
      <Button look="quiet" onPress={() => setAsking(true)}>
        {open ? words.cancel : words.stop}
      </Button>
      {asking && (
        <Sure
          title={open ? words.cancelSure : words.stopSure}
          action={open ? words.cancel : words.stop}
          onSure={() => void press()}
          onClose={() => setAsking(false)}
        >
          <p>{open ? words.cancelMeans : words.stopMeans}</p>
        </Sure>
      )}
    </>
  );
}

function Commit({ plan, ticked, onReleased }: FootProps) {
  const { id } = useCompany();
  const client = useQueryClient();
  const held = plan.state === "held";
  const some = held && plan.kind === "rules" && ticked.size > 0;
  const waiting = plan.outcomes?.held ?? 0;
  const count = some ? ticked.size : plan.kind === "rules" ? waiting : (plan.to_write ?? 0);
  const commit = useCommit(`${plan.state} ${plan.ready} ${count}`, async () => {
    try {
      if (held) await release(id, plan.plan_id, some ? [...ticked] : null, newKey());
      else await apply(id, plan.plan_id, count, newKey());
      if (plan.kind !== "rules") watchRun(id, plan.plan_id);
      onReleased();
      forgetSelection();
      notice.good(held ? words.released : words.approved);
    } catch (error) {
      notice.bad(text.errors.says(error as ApiError));
    }
    await new Promise((done) => setTimeout(done, 400));
    await client.invalidateQueries({ queryKey: ["plan", id, plan.plan_id] });
  });
  const label = some ? words.releaseSome : held ? words.release : words.approve;
  return (
    <Button
      look="primary"
      isDisabled={!plan.ready || count === 0}
      isPending={commit.pending}
      onPress={commit.press}
    >
      {commit.pending && <Spinner />}
      {label}
      <span className="button-count">{count > 0 ? n(count) : ""}</span>
    </Button>
  );
}
