import { type FormEvent, useId, useState } from "react";
import { Form } from "react-aria-components/Form";
import { Input, Label, TextField } from "react-aria-components/TextField";
import { useCompany } from "../../company";
import { timeZone } from "../../format";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { type Action, DAYS, type Day, type NewSchedule, type Schedule, words } from "./text";

const INTERVALS = [15, 30, 60, 240, 720, 1440] as const;

interface Props {
  /** The schedule that is changed; without one another is added. */
  one?: Schedule;
  onSave: (body: NewSchedule) => Promise<unknown>;
}

/** At an interval, at a time of some days, or as a cron expression says. */
type How = "every" | "at" | "cron";

function howOf(one: Schedule | undefined): How {
  if (one?.timing.cron) return "cron";
  return one?.timing.at ? "at" : "every";
}

/** What to start, and when. */
export function ScheduleForm({ one, onSave }: Props) {
  const { route } = useCompany();
  const ids = { action: useId(), how: useId(), minutes: useId(), fields: useId() };
  const names = words.actions(route?.source ?? text.nav.source, route?.destination ?? text.nav.destination);
  const [action, setAction] = useState((one?.action ?? "import_new") as Action);
  const [how, setHow] = useState(howOf(one));
  const [minutes, setMinutes] = useState<number>(one?.timing.every_minutes ?? 60);
  const [days, setDays] = useState<readonly Day[]>(one?.timing.days ?? DAYS);
  const [wrong, setWrong] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    if (how === "at" && days.length === 0) return setWrong(words.noDay);
    setWrong("");
    const time_zone = String(given.get("zone") ?? "").trim() || "UTC";
    const timing = {
      every: { every_minutes: minutes, days: [...DAYS], time_zone },
      at: { at: String(given.get("at") ?? "").slice(0, 5), days: [...days], time_zone },
      cron: { cron: String(given.get("cron") ?? "").trim(), days: [...DAYS], time_zone },
    }[how];
    await onSave({ action, timing, active: one?.active ?? true }).catch(() => {}); // it has been said
  }

  return (
    <>
      <Form className="row-form" onSubmit={(event) => void submit(event)}>
        <div className="field short">
          <label htmlFor={ids.action}>{words.action}</label>
          <select
            id={ids.action}
            className="select"
            value={action}
            onChange={(event) => setAction(event.target.value as Action)}
          >
            {Object.entries(names).map(([id, label]) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <div className="field short">
          <label htmlFor={ids.how}>{words.how}</label>
          <select
            id={ids.how}
            className="select"
            value={how}
            onChange={(event) => setHow(event.target.value as How)}
          >
            <option value="every">{words.every}</option>
            <option value="at">{words.at}</option>
            <option value="cron">{words.cron}</option>
          </select>
        </div>
        {how === "every" && (
          <div className="field short">
            <label htmlFor={ids.minutes}>{words.every}</label>
            <select
              id={ids.minutes}
              className="select"
              value={minutes}
              onChange={(event) => setMinutes(Number(event.target.value))}
            >
              {[...new Set([...INTERVALS, one?.timing.every_minutes ?? 60])].map((interval) => (
                <option key={interval} value={interval}>
                  {words.everyMinutes(interval)}
                </option>
              ))}
            </select>
          </div>
        )}
        {how === "at" && (
          <TextField
            name="at"
            type="time"
            isRequired
            defaultValue={one?.timing.at ?? "06:00"}
            className="field short"
          >
            <Label>{words.time}</Label>
            <Input className="input" />
          </TextField>
        )}
        {how === "cron" && (
          <TextField
            name="cron"
            isRequired
            aria-describedby={ids.fields}
            defaultValue={one?.timing.cron ?? ""}
            className="field"
          >
            <Label>{words.cron}</Label>
            <Input className="input" placeholder="0 6 * * MON-FRI" />
          </TextField>
        )}
        {how !== "every" && (
          <TextField
            name="zone"
            isRequired
            defaultValue={one && howOf(one) !== "every" ? one.timing.time_zone : timeZone()}
            className="field"
          >
            <Label>{words.zone}</Label>
            <Input className="input" />
          </TextField>
        )}
        {how === "at" && (
          <fieldset className="field short schedule-days">
            <legend>{words.days}</legend>
            {DAYS.map((day) => (
              <Box
                key={day}
                isSelected={days.includes(day)}
                onChange={(chosen) =>
                  setDays(chosen ? [...days, day] : days.filter((other) => other !== day))
                }
              >
                {words.day[day]}
              </Box>
            ))}
          </fieldset>
        )}
        <Button look="primary" type="submit">
          {one ? words.change : words.save}
        </Button>
      </Form>
      {how === "cron" && (
        <p id={ids.fields} className="field-hint">
          {words.cronFields}
        </p>
      )}
      {wrong && (
        <p className="form-error" role="alert">
          {wrong}
        </p>
      )}
    </>
  );
}
