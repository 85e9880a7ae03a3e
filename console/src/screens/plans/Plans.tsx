import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ClipboardList } from "lucide-react";
import { useCompany } from "../../company";
import { when } from "../../format";
import { n } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { Page } from "../../ui/Page";
import { Spinner, State } from "../../ui/State";
import { Who } from "../history/Who";
import { plans } from "./queries";
import type { PlanView } from "./types";
import { ACTION, stateOf, words } from "./words";
import "../../ui/Status.css";
import "./Plan.css";

/** The company's plans, newest first; those that are held stand out. */
export function Plans() {
  const { id } = useCompany();
  const found = useInfiniteQuery(plans(id));
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page title={words.list} lead={words.listLead}>
      {found.isPending && (
        <div className="centre">
          <Spinner size={20} />
        </div>
      )}
      {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
      {found.data && items.length === 0 && (
        <State icon={<ClipboardList size={28} aria-hidden="true" />} title={words.none} fix={words.noneFix} />
      )}
      <ol className="plan-list" aria-label={words.list}>
        {items.map((one) => (
          <Row key={one.plan_id} plan={one} />
        ))}
      </ol>
      {found.hasNextPage && (
        <Button isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
          {words.older}
        </Button>
      )}
    </Page>
  );
}

function Row({ plan }: { plan: PlanView }) {
  const { id, route } = useCompany();
  const destination = route?.destination ?? "";
  const [state, tone] = stateOf(plan);
  return (
    <li>
      <Link
        to="/c/$company/plans/$plan"
        params={{ company: id, plan: plan.plan_id }}
        search={{}}
        className="plan-line"
      >
        <span className={`status-label dotted ${tone}`}>{state}</span>
        <span className="plan-line-title">
          {plan.kind === "rules"
            ? words.rules(destination, when(plan.created_at))
            : words.title(destination, plan.total)}
          <small className="muted">
            {plan.kind === "rules" ? (
              words.byRules
            ) : (
              <>
                {words.by} <Who actor={plan.owner} />
              </>
            )}
            {` · ${when(plan.created_at)}`}
          </small>
        </span>
        <span className="plan-line-counts muted">
          {(plan.counts ?? [])
            .map((one) => `${n(one.records)} ${ACTION[one.action].toLowerCase()}`)
            .join(" · ")}
        </span>
      </Link>
    </li>
  );
}
