import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import type { Status } from "../../api/client";
import { SORTS } from "../../api/queries";
import { company, word } from "../../routes";
import { type EmployeesSearch, VIEWS } from "../../search";
import { STATUS } from "../../text";

export const employees = createRoute({
  getParentRoute: () => company,
  path: "/employees",
  validateSearch: (search: Record<string, unknown>): EmployeesSearch => {
    const asked = word(search.status)?.split(",") ?? (Array.isArray(search.status) ? search.status : []);
    const status = asked.filter((one): one is Status => one in STATUS);
    const sort = word(search.sort);
    return {
      status: status.length > 0 ? status : undefined,
      q: word(search.q)?.slice(0, 200),
      sort: SORTS.some((one) => sort === one || sort === `-${one}`) ? sort : undefined,
      record: word(search.record),
      view: VIEWS.find((one) => one === search.view),
      pick: search.pick === "source" ? "source" : undefined,
    };
  },
  component: lazyRouteComponent(() => import("./Employees"), "Employees"),
});
