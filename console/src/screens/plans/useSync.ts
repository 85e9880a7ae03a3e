import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { ApiError } from "../../api/client";
import { type Filter, startSync } from "../../api/queries";
import { useCompany } from "../../company";
import { watchRun } from "../employees/watched";
import { makePlan } from "./queries";

type Chosen = { ids: string[] } | { filter: Filter; except: string[] };

/** Starts a sync: of a few at once where the company's rules allow so many, else by a plan, whose page opens. The run, or null. */
export function useSync() {
  const { id, view } = useCompany();
  const client = useQueryClient();
  const navigate = useNavigate();
  const most = view.route?.rules?.direct_sync ?? 0;

  async function direct(ids: string[], key: string): Promise<string | null> {
    try {
      const { run_id } = await startSync(id, { record_ids: ids }, key);
      watchRun(id, run_id);
      void client.invalidateQueries({ queryKey: ["runs", id] });
      return run_id;
    } catch (error) {
      if (!(error instanceof ApiError && "direct_sync" in error.more)) throw error;
      void client.invalidateQueries({ queryKey: ["company", id] }); // the rule has changed meanwhile
      return null;
    }
  }

  return async (what: Chosen, key: string): Promise<string | null> => {
    const run = "ids" in what && what.ids.length <= most ? await direct(what.ids, key) : null;
    if (run !== null) return run;
    const { plan_id } = await makePlan(id, what, key);
    await navigate({ to: "/c/$company/plans/$plan", params: { company: id, plan: plan_id }, search: {} });
    return null;
  };
}
