import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { type ApiError, api, ok } from "../../api/client";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { State } from "../../ui/State";
import { Sure } from "../../ui/Sure";
import { ScheduleForm } from "./ScheduleForm";
import { type Action, DAYS, type Day, type NewSchedule, type Schedule, words } from "./text";
import "../../ui/Field.css";
import "../../ui/Panel.css";
import "../../ui/Table.css";

const schedules = (company: string) =>
  queryOptions({
    queryKey: ["schedules", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/schedules", { params: { path: { company } } })),
    refetchInterval: 30_000,
  });

/** Imports and syncs that start by themselves: when, what became of the last one, and another one. */
export function Schedules() {
  const { id, view } = useCompany();
  const client = useQueryClient();
  const found = useQuery(schedules(id));
  const isAdmin = view.role === "admin";
  const [dropping, setDropping] = useState<Schedule | null>(null);
  const act = useMutation({
    mutationFn: (what: () => Promise<unknown>) => what(),
    onError: (error: ApiError) => notice.bad(text.errors.message(error.message)),
    onSettled: () => client.invalidateQueries({ queryKey: ["schedules", id] }),
  });
  const save = (schedule: string, body: NewSchedule) =>
    act.mutateAsync(() =>
      ok(
        api.PUT("/v1/companies/{company}/schedules/{schedule}", {
          params: { path: { company: id, schedule } },
          body,
        }),
      ),
    );
  const drop = (schedule: string) =>
    act.mutate(() =>
      ok(
        api.DELETE("/v1/companies/{company}/schedules/{schedule}", {
          params: { path: { company: id, schedule } },
        }),
      ),
    );
  return (
    <Page title={words.title} lead={words.lead}>
      {isAdmin && (
        <section className="card section" aria-labelledby="add-schedule">
          <h2 id="add-schedule">{words.add}</h2>
          <ScheduleForm onSave={(body) => save(crypto.randomUUID(), body)} />
        </section>
      )}
      <section className="card section" aria-label={words.title}>
        {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
        {found.data?.length === 0 && <State title={words.none} fix={words.noneFix} />}
        {found.data && found.data.length > 0 && (
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{words.action}</th>
                <th scope="col">{words.timing}</th>
                <th scope="col">{words.next}</th>
                <th scope="col">{words.last}</th>
                {isAdmin && (
                  <th scope="col">
                    <span className="unseen">{words.remove}</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {found.data.map((one) => (
                <Line
                  key={one.schedule_id}
                  one={one}
                  onSave={isAdmin ? (body) => save(one.schedule_id, body) : null}
                  onRemove={() => setDropping(one)}
                />
              ))}
            </tbody>
          </table>
        )}
        {dropping && (
          <Sure
            title={words.removeSure}
            action={words.remove}
            onSure={() => drop(dropping.schedule_id)}
            onClose={() => setDropping(null)}
          >
            <p>{words.removeMeans(spoken(dropping.timing))}</p>
          </Sure>
        )}
      </section>
    </Page>
  );
}

function spoken({ every_minutes, at, cron, days, time_zone }: Schedule["timing"]) {
  if (every_minutes) return words.everyMinutes(every_minutes);
  if (cron) return words.atCron(cron, time_zone ?? "UTC");
  const chosen = DAYS.filter((day) => days?.includes(day));
  const named =
    chosen.length === DAYS.length ? words.daily : chosen.map((day: Day) => words.day[day]).join(", ");
  return words.atTime(at ?? "", named, time_zone ?? "UTC");
}

interface LineProps {
  one: Schedule;
  /** Null for those who may only look. */
  onSave: ((body: NewSchedule) => Promise<unknown>) | null;
  onRemove: () => void;
}

function Line({ one, onSave, onRemove }: LineProps) {
  const { id, route } = useCompany();
  const names = words.actions(route?.source ?? text.nav.source, route?.destination ?? text.nav.destination);
  const action = one.action as Action;
  const name = names[action];
  const [isEdited, setEdited] = useState(false);
  const toggle = () => void onSave?.({ action, timing: one.timing, active: !one.active }).catch(() => {});
  async function change(body: NewSchedule) {
    await onSave?.(body);
    setEdited(false);
    notice.good(words.changed(names[body.action]));
  }
  return (
    <tr>
      <td className="strong">{name}</td>
      <td>{spoken(one.timing)}</td>
      <td className="num">{one.active ? when(one.next_at) : words.paused}</td>
      <td>
        {one.last_at ? when(one.last_at) : words.never}
        {one.last_problem && <div className="tone needs_action">{one.last_problem}</div>}
        {one.last_run_id && !one.last_problem && (
          <div>
            <Link
              to="/c/$company/runs"
              params={{ company: id }}
              search={{ run: one.last_run_id }}
              className="link"
            >
              {words.run}
            </Link>
          </div>
        )}
      </td>
      {onSave && (
        <td>
          <div className="row-actions">
            <Button small aria-label={text.actions.of(words.edit, name)} onPress={() => setEdited(true)}>
              {words.edit}
            </Button>
            <Button
              small
              aria-label={text.actions.of(one.active ? words.pause : words.resume, name)}
              onPress={toggle}
            >
              {one.active ? words.pause : words.resume}
            </Button>
            <Button small tone="danger" aria-label={text.actions.of(words.remove, name)} onPress={onRemove}>
              {words.remove}
            </Button>
          </div>
          {isEdited && (
            <Dialog title={text.actions.of(words.edit, name)} size="small" onClose={() => setEdited(false)}>
              <div className="dialog-text">
                <ScheduleForm one={one} onSave={change} />
              </div>
            </Dialog>
          )}
        </td>
      )}
    </tr>
  );
}
