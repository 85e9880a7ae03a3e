import type { components } from "../../api/schema";

type Schemas = components["schemas"];
export type PlanView = Schemas["PlanView"];
export type PlanRecord = Schemas["PlanRecordView"];
export type PlanAction = Schemas["PlanAction"];

/** In the order in which people look at them. */
export const ACTIONS: readonly PlanAction[] = [
  "blocked",
  "deactivate",
  "create",
  "reactivate",
  "update",
  "no_change",
];

/** What the address of a plan holds. */
export interface PlanSearch {
  action?: PlanAction | undefined;
  q?: string | undefined;
  record?: string | undefined;
}

/** Whether the plan may still be decided. */
export const isOpen = (plan: PlanView) => plan.state === "draft" || plan.state === "held";
/** Whether it is being written. */
export const isMoving = (plan: PlanView) => plan.state === "applying" || plan.state === "approved";
